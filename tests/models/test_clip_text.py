"""The texts of identities: tokens, learnt words, and where they come from."""

import sys

import pytest
import torch

from tests.models.published_transformers import module_record
from videoreid.errors import ConfigError, MissingExtraError, WeightsError


@pytest.fixture
def clip_text():
    pytest.importorskip("open_clip", reason="the text encoder needs the [clip] extra")
    from videoreid.models import clip_text

    return clip_text


@pytest.fixture
def texts(clip_text):
    torch.manual_seed(0)
    return clip_text.IdentityTexts(4, width=32, heads=2, layers=2, projected=16)


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "open_clip", None)
    from videoreid.models.clip_text import tokenise

    with pytest.raises(MissingExtraError, match=r"pip install 'videoreid\[clip\]'"):
        tokenise(["a"])


def test_tokens_are_the_published_ones(clip_text):
    wanted = module_record("clip_pos_embed_and_schedules")["tokens_person"]
    tokens = clip_text.tokenise([clip_text.PROMPT])[0].tolist()
    assert tokens[: len(wanted)] == wanted
    assert not any(tokens[len(wanted) :])


def test_learnt_words_replace_the_four_x(texts):
    with torch.no_grad():
        texts.prompts[:] = texts.encoder.token_embedding.weight[343]
        wanted = texts.encoder(texts.tokens)
        assert torch.allclose(texts(torch.tensor([0, 3])), wanted.expand(2, -1), atol=1e-5)
        texts.prompts[3] = torch.randn(4, 32)
        assert not torch.allclose(texts(torch.tensor([3])), wanted)


def test_only_the_words_train(texts):
    texts(torch.arange(4)).sum().backward()
    assert [name for name, p in texts.named_parameters() if p.grad is not None] == ["prompts"]
    assert texts.all_features(batch_size=3).shape == (4, 16)
    with pytest.raises(ConfigError, match=r"identities 0\.\.3"):
        texts(torch.tensor([4]))


def archive_of(texts):
    state = {k: torch.randn(v.shape) for k, v in texts.encoder.state_dict().items() if "attn_mask" not in k}
    return {k: v.half() for k, v in state.items()} | {
        "visual.proj": torch.zeros(2, 2),
        "logit_scale": torch.ones(()),
        "input_resolution": torch.tensor(224),
    }


def test_an_archive_fills_the_encoder_and_the_fixed_words(texts):
    state = archive_of(texts)
    prompts = texts.prompts.clone()
    texts.load_archive(state)
    assert torch.equal(texts.encoder.text_projection, state["text_projection"].float())
    assert torch.equal(texts.prefix[0, 0], texts.encoder.token_embedding.weight[49406])
    assert torch.equal(texts.prompts, prompts)


def test_a_clip_reid_checkpoint_brings_its_words(texts):
    state = {
        f"text_encoder.{k}": v for k, v in archive_of(texts).items() if not k.startswith(("visual", "token_"))
    }
    state |= {
        "prompt_learner.cls_ctx": torch.full((4, 4, 32), 2.0),
        "prompt_learner.token_prefix": torch.full((1, 5, 32), 3.0),
        "prompt_learner.token_suffix": torch.full((1, 68, 32), 4.0),
    }
    texts.load_archive(state)
    assert float(texts.prompts.mean()) == 2.0
    assert float(texts.prefix.mean()) == 3.0
    assert float(texts.suffix.mean()) == 4.0


def test_refusals(texts, tmp_path):
    with pytest.raises(WeightsError, match="hold no text encoder"):
        texts.load_archive({"visual.proj": torch.zeros(2, 2)})
    other = archive_of(texts) | {"text_projection": torch.zeros(32, 8)}
    with pytest.raises(WeightsError, match="another shape"):
        texts.load_archive(other)
