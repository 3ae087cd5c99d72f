"""Supervised contrastive loss, frame InfoNCE and identity memories against slow loops, and their refusals."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.losses import (
    ClusterMemory,
    ClusterMemoryTerm,
    FrameInfoNCETerm,
    frame_info_nce_loss,
    supervised_contrastive_loss,
)
from videoreid.types import Clip, ReIDOutput


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def contrastive_by_loop(rows, pids, others, other_pids, temperature, itself):
    losses = []
    for a in range(len(rows)):
        candidates = [j for j in range(len(others)) if not (itself and j == a)]
        values = {j: float(rows[a] @ others[j]) / temperature for j in candidates}
        total = sum(math.exp(v) for v in values.values())
        positives = [j for j in candidates if other_pids[j] == pids[a]]
        if positives:
            losses.append(-sum(math.log(math.exp(values[j]) / total) for j in positives) / len(positives))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("normalise", [True, False])
def test_within_one_set(normalise):
    rows, pids = draw(7, 4), [0, 0, 1, 1, 1, 2, 0]  # 2 has no positive
    used = F.normalize(rows, dim=1) if normalise else rows
    wanted = contrastive_by_loop(used.numpy(), pids, used.numpy(), pids, 0.5, itself=True)
    loss = supervised_contrastive_loss(rows, torch.tensor(pids), temperature=0.5, normalise=normalise)
    assert float(loss) == pytest.approx(wanted, rel=1e-9)


def test_between_two_sets():
    rows, pids = draw(4, 4), [0, 1, 1, 2]
    others, other_pids = draw(6, 4, seed=1), [0, 0, 1, 2, 3, 1]
    wanted = contrastive_by_loop(rows.numpy(), pids, others.numpy(), other_pids, 1.0, itself=False)
    loss = supervised_contrastive_loss(
        rows, torch.tensor(pids), others, torch.tensor(other_pids), temperature=1.0, normalise=False
    )
    assert float(loss) == pytest.approx(wanted, rel=1e-9)


def test_large_products_do_not_overflow():
    rows = 1e3 * draw(4, 8).float()
    loss = supervised_contrastive_loss(rows, torch.tensor([0, 0, 1, 1]), temperature=0.01, normalise=False)
    assert loss.isfinite()


def test_contrastive_refusals():
    rows, pids = draw(2, 3), torch.tensor([0, 0])
    with pytest.raises(ConfigError, match="belong together"):
        supervised_contrastive_loss(rows, pids, rows)
    with pytest.raises(ConfigError, match="temperature must be greater than 0"):
        supervised_contrastive_loss(rows, pids, temperature=0)
    with pytest.raises(ConfigError, match="empty batch"):
        supervised_contrastive_loss(rows[:0], pids[:0])


def info_nce_by_loop(frames, instances, temperature):
    """Published reading: groups of ``instances`` clips; eight frames count as two clips of four."""
    clips = [clip / np.linalg.norm(clip, axis=1, keepdims=True) for clip in frames]
    if frames.shape[1] == 8:
        clips = [half for clip in clips for half in (clip[:4], clip[4:])]
    total = 0.0
    for start in range(0, len(clips), instances):
        group = clips[start : start + instances]
        pairs = []
        for i, anchor_clip in enumerate(group):
            for t, anchor in enumerate(anchor_clip):
                negatives = sum(
                    math.exp(float(anchor @ clip[s]) / temperature)
                    for clip in group
                    for s in range(len(clip))
                    if s != t
                )
                for j, clip in enumerate(group):
                    if j != i:
                        positive = math.exp(float(anchor @ clip[t]) / temperature)
                        pairs.append(-math.log(positive / (positive + negatives)))
        total += sum(pairs) / len(pairs)
    return total


@pytest.mark.parametrize(("frames", "instances"), [(4, 2), (4, 4), (8, 4), (3, 2)])
def test_frame_info_nce(frames, instances):
    pids = torch.arange(2).repeat_interleave(4) if instances == 4 else torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    rows = draw(8, frames, 5)
    loss = frame_info_nce_loss(rows, pids, 0.3, instances=instances)
    assert float(loss) == pytest.approx(info_nce_by_loop(rows.numpy(), instances, 0.3), rel=1e-9)


def test_frame_info_nce_refusals():
    rows = draw(4, 4, 5)
    with pytest.raises(ConfigError, match="must be consecutive"):
        frame_info_nce_loss(rows, torch.tensor([0, 1, 0, 1]), instances=2)
    with pytest.raises(ConfigError, match="no multiple of 3 clips"):
        frame_info_nce_loss(rows, torch.tensor([0, 0, 0, 1]), instances=3)
    with pytest.raises(ConfigError, match="two frames or more"):
        frame_info_nce_loss(rows[:, :1], torch.tensor([0, 0, 1, 1]))
    output = ReIDOutput(rows[:, 0], (), (), {"projected_frames": rows})
    clip = Clip(rows, torch.tensor([0, 0, 1, 1]), rows, rows, rows)
    assert FrameInfoNCETerm(instances=2)(output, clip).isfinite()
    with pytest.raises(ConfigError, match="lacks 'projected_frames'"):
        FrameInfoNCETerm()(output._replace(extras={}), clip)


def filled(update="both", *, seed=0, **options):
    memory = ClusterMemory(3, 4, update=update, **options).double()
    pids = torch.tensor([0, 0, 1, 1, 1, 2])
    memory.rebuild(draw(6, 4, seed=seed), pids)
    return memory


def test_rebuild():
    rows, pids = draw(6, 4), [0, 0, 1, 1, 1, 2]
    memory = filled()
    unit = F.normalize(rows, dim=1).numpy()
    for k in range(3):
        own = [i for i in range(6) if pids[i] == k]
        mean = np.mean([unit[i] for i in own], axis=0)
        mean /= np.linalg.norm(mean)
        assert memory.mean[k].numpy() == pytest.approx(mean)
        hardest = min(own, key=lambda i: float(unit[i] @ mean))
        assert memory.hardest[k].numpy() == pytest.approx(unit[hardest])


@pytest.mark.parametrize("update", ["mean", "hardest", "both"])
def test_the_loss_is_a_cross_entropy_over_all_identities(update):
    memory = filled(update, temperature=0.2).eval()
    rows, pids = draw(5, 4, seed=3), [0, 2, 1, 1, 0]
    unit = F.normalize(rows, dim=1).numpy()
    losses = []
    for name in ("mean", "hardest") if update == "both" else (update,):
        vectors = getattr(memory, name).numpy()
        terms = []
        for row, pid in zip(unit, pids, strict=True):
            values = [float(row @ v) / 0.2 for v in vectors]
            terms.append(-math.log(math.exp(values[pid]) / sum(map(math.exp, values))))
        losses.append(sum(terms) / len(terms))
    assert float(memory(rows, torch.tensor(pids))) == pytest.approx(sum(losses) / len(losses), rel=1e-9)


def test_memories_move_with_momentum_in_training_alone():
    memory = filled(momentum=0.2)
    before = {name: value.clone() for name, value in memory.named_buffers()}
    rows, pids = draw(3, 4, seed=5), torch.tensor([1, 1, 0])
    unit = F.normalize(rows, dim=1)
    memory.eval()(rows, pids)
    assert all(torch.equal(value, before[name]) for name, value in memory.named_buffers())
    memory.train()(rows, pids)
    mean = before["mean"].clone()
    for row, pid in zip(unit, pids, strict=True):
        mean[pid] = F.normalize(0.2 * mean[pid] + 0.8 * row, dim=0)
    assert torch.allclose(memory.mean, mean)
    worst = 0 if unit[0] @ before["hardest"][1] < unit[1] @ before["hardest"][1] else 1
    assert torch.allclose(
        memory.hardest[1], F.normalize(0.2 * before["hardest"][1] + 0.8 * unit[worst], dim=0)
    )
    assert torch.equal(memory.hardest[2], before["hardest"][2])


def test_the_gradient_is_that_of_the_memory_before_it_moved():
    memory, rows, pids = filled(), draw(3, 4, seed=5).requires_grad_(), torch.tensor([1, 1, 0])
    still = filled().eval()
    memory.train()(rows, pids).backward()
    gradient, rows.grad = rows.grad, None
    still(rows, pids).backward()
    assert torch.allclose(gradient, rows.grad)


def test_a_memory_belongs_to_the_checkpoint():
    memory, other = filled(), ClusterMemory(3, 4, update="both").double()
    other.load_state_dict(memory.state_dict())
    assert torch.equal(memory.hardest, other.hardest)


def test_memory_refusals():
    rows, pids = draw(2, 4), torch.tensor([0, 1])
    with pytest.raises(ConfigError, match="memory is empty: call rebuild"):
        ClusterMemory(3, 4).double()(rows, pids)
    with pytest.raises(ConfigError, match="identity 2 has no embedding"):
        ClusterMemory(3, 4).rebuild(rows, pids)
    with pytest.raises(ConfigError, match=r"label 7 is outside 0\.\.2"):
        filled()(rows, torch.tensor([0, 7]))
    with pytest.raises(ConfigError, match=r"expected embeddings \(B, 4\)"):
        filled()(draw(2, 5), pids)
    with pytest.raises(ConfigError, match="unknown update 'median'"):
        ClusterMemory(3, 4, update="median")
    with pytest.raises(ConfigError, match=r"momentum in \[0, 1\)"):
        ClusterMemory(3, 4, momentum=1.0)


def test_the_term_looks_at_the_embedding_or_at_heads():
    memory = filled().eval()
    rows, pids = draw(2, 4, seed=9), torch.tensor([0, 1])
    output = ReIDOutput(rows, (), (rows.flip(0), rows))
    clip = Clip(rows, pids, pids, rows, pids)
    assert torch.equal(ClusterMemoryTerm(memory)(output, clip), memory(rows, pids))
    wanted = (memory(rows.flip(0), pids) + memory(rows, pids)) / 2
    assert torch.allclose(ClusterMemoryTerm(memory, heads="mean")(output, clip), wanted)
