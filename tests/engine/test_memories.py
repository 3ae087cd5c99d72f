"""Hooks before an epoch, memories made of features, and CLIP-ReID's first stage, on the tiny world."""

import numpy as np
import pytest
import torch
from torch import nn

from videoreid.engine import (
    Engine,
    PromptEngine,
    build_clip_memory,
    extract_features,
    projected_features,
    prompt_loader,
    rebuild_before_epochs,
)
from videoreid.errors import ConfigError
from videoreid.losses import ClusterMemory, ClusterMemoryTerm, Criterion, CrossEntropyLoss, LogitTerm
from videoreid.types import Features, Tracklet


def memory_engine(world, update="both"):
    torch.manual_seed(0)
    model = world.Net()
    memory = ClusterMemory(6, 8, update=update)
    criterion = Criterion(
        {"softmax": (LogitTerm(CrossEntropyLoss()), 1.0), "memory": (ClusterMemoryTerm(memory), 1.0)}
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return Engine(model, criterion, optimizer, device="cpu"), memory


def test_hooks_run_before_the_first_batch_of_each_epoch(world):
    engine, memory = memory_engine(world)
    rebuild_before_epochs(engine, memory, world.loader())
    seen = []
    engine.epoch_hooks.append(lambda epoch: seen.append(("hook", epoch)))
    engine.fit(
        world.loader(), 3, progress=False, callbacks=[lambda e: seen.append((e.kind, e.epoch, e.step))]
    )
    firsts = [i for i, event in enumerate(seen) if event[0] == "hook"]
    assert [seen[i][1] for i in firsts] == [0, 1, 2]
    assert all(seen[i + 1][0] == "step" for i in firsts)


def test_memories_are_rebuilt_from_the_present_features(world):
    engine, memory = memory_engine(world)
    rebuild_before_epochs(engine, memory, world.loader(), every=2)
    rebuilt = []
    inner = memory.rebuild

    def note(embeddings, pids):
        rebuilt.append((engine.progress.epoch, embeddings))
        inner(embeddings, pids)

    memory.rebuild = note
    engine.fit(world.loader(), 4, progress=False)
    assert [epoch for epoch, _ in rebuilt] == [0, 2]
    assert not torch.allclose(rebuilt[0][1], rebuilt[1][1])
    assert engine.model.training
    with pytest.raises(ConfigError, match="every must be 1 or more"):
        rebuild_before_epochs(engine, memory, world.loader(), every=0)


def test_training_with_a_memory_learns(world):
    engine, memory = memory_engine(world)
    rebuild_before_epochs(engine, memory, world.loader())
    history = engine.fit(world.loader(), 12, progress=False)
    assert history[-1]["memory"] < history[0]["memory"]


def test_a_resumed_run_equals_one_that_was_not(world, tmp_path):
    """The memory is in the checkpoint, and a hook that draws random numbers leaves the same stream behind."""

    def train(folder, epochs, resume):
        engine, memory = memory_engine(world)
        rebuild_before_epochs(engine, memory, world.loader(world.Clips(noise="drawn")))
        engine.fit(
            world.loader(world.Clips(noise="drawn"), shuffle=True),
            epochs,
            output_dir=folder,
            resume=resume,
            progress=False,
        )
        return engine, memory

    torch.manual_seed(7)
    train(tmp_path / "a", 2, None)
    torch.manual_seed(99)
    resumed, memory = train(tmp_path / "a", 4, "auto")
    torch.manual_seed(7)
    whole, other = train(tmp_path / "b", 4, None)
    assert torch.equal(memory.mean, other.mean)
    for ours, theirs in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


class Projected(nn.Module):
    """Mean colour and its double; the second half is "projected", and cameras would change it."""

    projected = slice(3, 6)
    uses_cameras = True
    pixel_mean, pixel_std = (0.0,) * 3, (1.0,) * 3

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.memory = None

    def set_memory(self, memory):
        self.memory = memory

    def forward(self, frames, camids):
        colour = frames.mean((1, 3, 4)) * self.scale
        return torch.cat([colour, 2 * colour + (camids >= 0)[:, None]], dim=1)


def test_clip_memory_is_the_mean_over_tracklets_of_the_mean_over_clips(world):
    model, dataset = Projected(), world.Clips(clips=2)
    memory = build_clip_memory(model, world.loader(dataset), progress=False)
    by_tracklet = {}
    for item in range(len(dataset)):
        clip = dataset[item]
        colour = 2 * (clip.frames.float() / 255).mean((0, 2, 3))
        by_tracklet.setdefault((int(clip.pid), int(clip.index)), []).append(colour.double().numpy())
    for pid in range(6):
        means = [np.mean(clips, axis=0) for (owner, _), clips in by_tracklet.items() if owner == pid]
        assert memory[pid].numpy() == pytest.approx(np.mean(means, axis=0), abs=1e-5)
    assert torch.equal(model.memory, memory)


def test_projected_features_are_taken_without_cameras(world):
    features = projected_features(Projected(), world.loader(), progress=False)
    with_cameras = extract_features(Projected(), world.loader(), progress=False)
    assert features.embeddings.shape == (24, 3)
    assert torch.allclose(features.embeddings + 1, with_cameras.embeddings[:, 3:], atol=1e-5)
    assert features.camids.tolist() == with_cameras.camids.tolist()
    with pytest.raises(ConfigError, match="which part of its embedding is projected"):
        projected_features(world.Net(), world.loader())


def test_identities_must_be_labels(world):
    dataset = world.Clips()
    dataset.tracklets = [Tracklet(t.frames, t.pid + (t.pid == 5), t.camid) for t in dataset.tracklets]
    with pytest.raises(ConfigError, match=r"all present; got 6 identities with the largest label 6"):
        build_clip_memory(Projected(), world.loader(dataset), progress=False)


class Texts(nn.Module):
    """A learnt vector for each identity in place of a text."""

    def __init__(self, identities, dim):
        super().__init__()
        self.prompts = nn.Parameter(torch.zeros(identities, dim))

    def forward(self, pids):
        return self.prompts[pids]


def image_features(dim=4):
    torch.manual_seed(0)
    pids = np.arange(12) % 3
    centres = torch.eye(3, dim) * 3
    return Features(centres[pids] + 0.1 * torch.randn(12, dim), pids, np.zeros(12, np.int64))


def test_prompts_learn_to_name_their_identity():
    features, texts = image_features(), Texts(3, 4)
    engine = PromptEngine(texts, features, torch.optim.Adam(texts.parameters(), 0.1), device="cpu")
    history = engine.fit(prompt_loader(features, 6), 30, progress=False)
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert history[0]["loss"] == pytest.approx(
        history[0]["image_to_text"] + history[0]["text_to_image"], rel=1e-5
    )
    answers = (features.embeddings @ texts.prompts.detach().t()).argmax(1)
    assert answers.tolist() == features.pids.tolist()


def test_texts_of_another_width_are_one_clear_error():
    features, texts = image_features(), Texts(3, 5)
    engine = PromptEngine(texts, features, torch.optim.Adam(texts.parameters(), 0.1), device="cpu")
    with pytest.raises(ConfigError, match="build the texts with projected=4"):
        engine.fit(prompt_loader(features, 6), 1, progress=False)


def test_prompt_loader_is_deterministic_for_a_seed():
    features = image_features()
    first, second = ([clip.index.tolist() for clip in prompt_loader(features, 5, seed=3)] for _ in range(2))
    assert first == second
    assert sorted(row for batch in first for row in batch) == list(range(12))
