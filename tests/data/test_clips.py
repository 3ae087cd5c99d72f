import cv2
import numpy as np
import pytest
import torch

from videoreid.data.clips import ClipDataset, ClipKey
from videoreid.data.transforms import build_transform
from videoreid.errors import ConfigError, FrameError, UnknownNameError
from videoreid.types import Clip


def stamps(clip: Clip) -> list[tuple[int, int]]:
    """Return (tracklet, frame), as the first pixel of every frame of the fixture tells."""
    return [(int(frame[0, 0, 0]), int(frame[1, 0, 0])) for frame in clip.frames]


def test_an_item_is_a_uint8_clip_with_its_labels(make_tracklets) -> None:
    clip = ClipDataset(make_tracklets(), num_frames=3)[3]
    assert isinstance(clip, Clip)
    assert clip.frames.shape == (3, 3, 32, 16)
    assert clip.frames.dtype == torch.uint8
    assert (int(clip.pid), int(clip.camid), float(clip.time), int(clip.index)) == (1, 1, 10.0, 3)
    assert [clip.pid.dtype, clip.time.dtype, clip.index.dtype] == [torch.int64, torch.float64, torch.int64]
    assert stamps(clip) == [(3, 0), (3, 1), (3, 2)]


def test_several_clips_of_a_tracklet_carry_its_index(make_tracklets) -> None:
    tracklets = [*make_tracklets(identities=2, cameras=1)]
    dataset = ClipDataset(tracklets, num_frames=2, sampling="dense")
    assert len(dataset) == 6
    assert [int(dataset[i].index) for i in range(6)] == [0, 0, 0, 1, 1, 1]
    assert stamps(dataset[1]) == [(0, 2), (0, 3)]
    assert stamps(dataset[5]) == [(1, 4), (1, 4)]
    assert stamps(dataset[-1]) == stamps(dataset[5])
    with pytest.raises(IndexError):
        dataset[6]


def test_the_draw_is_named_by_seed_epoch_position_and_tracklet(make_tracklets) -> None:
    tracklets = make_tracklets(length=30)
    transform = build_transform("strong", (32, 16), train=True)

    def clip(seed: int = 0, epoch: int = 1, position: int = 5) -> torch.Tensor:
        dataset = ClipDataset(tracklets, num_frames=4, sampling="random", transform=transform, seed=seed)
        dataset[0]  # what was drawn before does not matter
        return dataset[ClipKey(epoch, position, 2)].frames

    assert torch.equal(clip(), clip())
    for other in (clip(seed=1), clip(epoch=2), clip(position=6)):
        assert not torch.equal(clip(), other)


def test_plain_items_change_with_the_epoch(make_tracklets) -> None:
    dataset = ClipDataset(make_tracklets(length=30), num_frames=4, sampling="random")
    first = stamps(dataset[0])
    dataset.set_epoch(1)
    assert stamps(dataset[0]) != first
    dataset.set_epoch(0)
    assert stamps(dataset[0]) == first


def test_a_key_takes_one_of_several_clips(make_tracklets) -> None:
    dataset = ClipDataset(make_tracklets(length=6), num_frames=2, sampling="dense")
    seen = {tuple(stamps(dataset[ClipKey(epoch, 0, 1)])) for epoch in range(40)}
    assert seen == {((1, 0), (1, 1)), ((1, 2), (1, 3)), ((1, 4), (1, 5))}


def test_mixed_sizes_need_a_resize(make_tracklets) -> None:
    small = make_tracklets(identities=1, cameras=1)[0]
    cv2.imwrite(small.frames[1], np.zeros((20, 10, 3), np.uint8))
    with pytest.raises(FrameError, match=r"tracklet 0 .*mixed sizes"):
        ClipDataset([small], num_frames=5)[0]
    transform = build_transform("basic", (16, 8), train=False)
    assert ClipDataset([small], num_frames=5, transform=transform)[0].frames.shape == (5, 3, 16, 8)


def test_bad_arguments_are_refused(make_tracklets) -> None:
    with pytest.raises(ConfigError, match="no tracklets"):
        ClipDataset([])
    with pytest.raises(UnknownNameError, match="sampling rule"):
        ClipDataset(make_tracklets(), sampling="sometimes")
    with pytest.raises(ConfigError, match="1 or more"):
        ClipDataset(make_tracklets(), num_frames=0)
