"""TF-CLIP's two modules against the recorded figures of the published ones."""

import numpy as np
import torch

from tests.models.published_transformers import assert_block, module_record, published_state
from videoreid.models.transformers.ssp import SequenceSpecificPrompt
from videoreid.models.transformers.tmd import TemporalMemoryDiffusion


def inputs(record):
    return [
        torch.from_numpy(np.random.default_rng(entry["seed"]).standard_normal(entry["shape"]).astype("f4"))
        for entry in record["inputs"]
    ]


def test_tmd_is_equal_to_the_recorded_figures():
    record = module_record("tmd")
    module = TemporalMemoryDiffusion(64, 4).eval()
    module.load_state_dict(published_state(record["state_dict"]))
    (tokens,) = inputs(record)  # (tokens, B * T, D), as published
    assert_block(module, record, module(tokens.transpose(0, 1), 4).transpose(0, 1))


def test_ssp_is_equal_to_the_recorded_figures():
    record = module_record("ssp")
    module = SequenceSpecificPrompt(128).eval()
    state = published_state(record["state_dict"])
    unused = {name for name in state if name == "alpha" or name.startswith("norm.")}
    module.load_state_dict({name: value for name, value in state.items() if name not in unused})
    memories, visual = inputs(record)
    assert_block(module, record, module(memories, visual))


@torch.no_grad()
def test_messages_stay_inside_a_clip():
    torch.manual_seed(0)
    module = TemporalMemoryDiffusion(16, 2).eval()
    tokens = torch.randn(6, 5, 16)  # two clips of three frames
    changed = tokens.clone()
    changed[4] += 1.0
    before, after = module(tokens, 3), module(changed, 3)
    assert torch.equal(before[:3], after[:3])
    assert not torch.allclose(before[3], after[3])
    assert before.shape == (6, 6, 16)


def test_dropout_only_in_training():
    module = SequenceSpecificPrompt(64)
    memories, visual = torch.randn(1, 3, 64), torch.randn(1, 4, 64)
    assert not torch.equal(module(memories, visual), module(memories, visual))
    module.eval()
    assert torch.equal(module(memories, visual), module(memories, visual))
