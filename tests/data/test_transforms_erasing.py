import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from videoreid.data.transforms import (
    LocalGrayscale,
    RandomErasing,
    RandomFrameErasing,
    fill_after_normalisation,
    fill_before_normalisation,
)
from videoreid.functional import normalise_frames


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def clip(frames: int = 4, size: tuple[int, int] = (64, 32)) -> Tensor:
    frame = torch.from_numpy(rng().integers(1, 250, (1, 3, *size), dtype=np.uint8))
    return frame.repeat(frames, 1, 1, 1)


def changed_rectangle(before: Tensor, after: Tensor) -> tuple[int, int, int, int]:
    """Return top, left, height, width of what changed, and check that it is a full rectangle."""
    changed = (before != after).any(0)
    rows, columns = changed.any(1).nonzero().flatten(), changed.any(0).nonzero().flatten()
    top, left = int(rows[0]), int(columns[0])
    height, width = int(rows[-1]) - top + 1, int(columns[-1]) - left + 1
    assert int(changed.sum()) == height * width
    return top, left, height, width


def test_erasing_is_one_rectangle_for_the_clip_within_the_published_bounds() -> None:
    places = set()
    for seed in range(200):
        before = clip()
        after = RandomErasing(p=1.0, fill=(255, 254, 253))(before.clone(), rng(seed))
        top, left, height, width = changed_rectangle(before[0], after[0])
        assert height < 64
        assert width < 32
        assert 0.015 < height * width / (64 * 32) < 0.42
        assert 0.2 < height / width < 4.5
        assert after[0, :, top, left].tolist() == [255, 254, 253]
        assert bool((after == after[:1]).all())
        places.add((top, left))
    assert len(places) > 100


def test_erasing_happens_with_its_probability_per_clip_or_per_frame() -> None:
    step = RandomErasing(p=0.5, per_frame=True)
    before = clip(400, (16, 16))
    after = step(before.clone(), rng())
    hit = (before != after).flatten(1).any(1)
    assert 150 < int(hit.sum()) < 250
    assert len({changed_rectangle(b, a) for b, a, h in zip(before, after, hit, strict=True) if h}) > 50
    hits = sum(bool((RandomErasing(p=0.3)(clip(2), rng(seed)) != clip(2)).any()) for seed in range(400))
    assert 80 < hits < 160


def test_erasing_gives_up_where_no_rectangle_fits() -> None:
    before = clip(1, (2, 2))
    assert torch.equal(RandomErasing(p=1.0, area=(0.9, 1.0))(before.clone(), rng()), before)


@pytest.mark.parametrize("values", [(0.0, 0.0, 0.0), (0.485, 0.456, 0.406), (0.4914, 0.4822, 0.4465)])
def test_a_fill_after_normalisation_comes_out_of_it(values: tuple[float, ...]) -> None:
    fill = torch.tensor(fill_after_normalisation(values), dtype=torch.uint8).view(3, 1, 1)
    assert normalise_frames(fill).flatten().tolist() == pytest.approx(values, abs=0.01)


def test_fills_before_normalisation_are_scaled_and_clipped() -> None:
    assert fill_before_normalisation((0.0, 0.5, 1.2)) == (0, 128, 255)


def test_local_grayscale_greys_a_patch_as_published() -> None:
    heights, widths = [], []
    for seed in range(300):
        before = clip(2)
        after = LocalGrayscale(p=1.0)(before.clone(), rng(seed))
        assert bool((after == after[:1]).all())
        changed = (before != after)[0].any(0)
        rows, columns = changed.any(1).nonzero().flatten(), changed.any(0).nonzero().flatten()
        top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        grey = np.asarray(Image.fromarray(before[0].permute(1, 2, 0).numpy()).convert("L"))
        for channel in after[0, :, top:bottom, left:right].numpy():
            np.testing.assert_array_equal(channel, grey[top:bottom, left:right])
        heights.append(bottom - top)
        widths.append(right - left)
    assert max(heights) < 32  # bounded by the frame's WIDTH, as published
    assert max(widths) == 32  # and wide patches are cut off at the border


def test_local_grayscale_per_frame_draws_anew() -> None:
    before = clip(300, (16, 8))
    hit = (LocalGrayscale(per_frame=True)(before.clone(), rng()) != before).flatten(1).any(1)
    assert 35 < int(hit.sum()) < 85  # p = 0.2


def test_frame_erasing_takes_whole_frames_and_leaves_one() -> None:
    counts = set()
    for seed in range(200):
        before = clip(3, (4, 4))
        after = RandomFrameErasing(p=1.0, max_frames=9, fill=(0, 0, 0))(before.clone(), rng(seed))
        lost = [bool((frame == 0).all()) for frame in after]
        assert all(torch.equal(a, b) for a, b, gone in zip(after, before, lost, strict=True) if not gone)
        counts.add(sum(lost))
    assert counts == {1, 2}
    assert torch.equal(RandomFrameErasing(p=1.0)(clip(1), rng()), clip(1))
    assert torch.equal(RandomFrameErasing(p=0.0)(clip(3), rng()), clip(3))
