import numpy as np
import pytest
import torch

from videoreid.data.transforms import ClipTransform, HorizontalFlip, RandomErasing, Resize
from videoreid.errors import FrameError

RNG = np.random.default_rng(0)
FRAMES = [RNG.integers(0, 256, (20, 10, 3), dtype=np.uint8) for _ in range(3)]


def test_arrays_and_tensors_give_the_same_clip() -> None:
    stacked = torch.from_numpy(np.stack(FRAMES)).permute(0, 3, 1, 2)
    transform = ClipTransform([Resize((16, 8)), HorizontalFlip(1.0)])
    one, other = transform(FRAMES, np.random.default_rng(0)), transform(stacked, np.random.default_rng(0))
    assert torch.equal(one, other)
    assert one.is_contiguous()
    assert one.dtype == torch.uint8


def test_no_step_changes_what_it_was_given() -> None:
    copies = [frame.copy() for frame in FRAMES]
    stacked = torch.from_numpy(np.stack(FRAMES)).permute(0, 3, 1, 2).contiguous()
    transform = ClipTransform([RandomErasing(p=1.0, fill=(1, 2, 3))])
    assert not torch.equal(
        transform(stacked, np.random.default_rng(0)), torch.from_numpy(np.stack(FRAMES)).permute(0, 3, 1, 2)
    )
    transform(FRAMES, np.random.default_rng(0))
    np.testing.assert_array_equal(np.stack(FRAMES), np.stack(copies))
    assert torch.equal(stacked, torch.from_numpy(np.stack(copies)).permute(0, 3, 1, 2))


def test_an_empty_chain_stacks() -> None:
    clip = ClipTransform([])(FRAMES, np.random.default_rng(0))
    np.testing.assert_array_equal(clip.permute(0, 2, 3, 1).numpy(), np.stack(FRAMES))


def test_mixed_sizes_name_the_sizes() -> None:
    with pytest.raises(FrameError, match=r"\(12, 10\), \(20, 10\)"):
        ClipTransform([HorizontalFlip()])([FRAMES[0], FRAMES[1][:12]], np.random.default_rng(0))


def test_a_transform_says_what_it_does() -> None:
    assert (
        repr(ClipTransform([HorizontalFlip(0.3)]))
        == "ClipTransform([HorizontalFlip(p=0.3, per_frame=False)])"
    )
