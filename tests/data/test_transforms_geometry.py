import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from videoreid.data.transforms import HorizontalFlip, PadCrop, RandomTranslation2D, Resize, resize_frames
from videoreid.errors import ConfigError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def clip(frames: int = 6, size: tuple[int, int] = (24, 12)) -> Tensor:
    """One random frame, repeated: whatever differs between the frames afterwards was drawn per frame."""
    frame = torch.from_numpy(rng().integers(0, 256, (1, 3, *size), dtype=np.uint8))
    return frame.repeat(frames, 1, 1, 1)


def is_consistent(frames: Tensor) -> bool:
    return bool((frames == frames[:1]).all())


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(40, 20), (12, 30), (24, 12)])
def test_resizing_is_pillows(interpolation: str, size: tuple[int, int]) -> None:
    waves = np.add.outer(np.sin(np.arange(24) / 3), np.cos(np.arange(12) / 2))
    frame = torch.from_numpy(
        np.stack([128 + 40 * waves, 100 + 45 * waves, 90 - 20 * waves]).astype(np.uint8)
    )[None]
    code = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[interpolation]
    reference = np.asarray(Image.fromarray(frame[0].permute(1, 2, 0).numpy()).resize(size[::-1], code))
    ours = Resize(size, interpolation)(frame, rng())[0].permute(1, 2, 0).numpy()
    assert np.abs(ours.astype(int) - reference).max() <= 1


def test_frames_of_several_sizes_are_each_resized_alone() -> None:
    frames = [clip(1, size)[0] for size in ((24, 12), (30, 20), (24, 12), (16, 8))]
    together = resize_frames(frames, (16, 8))
    for frame, expected in zip(together, frames, strict=True):
        assert torch.equal(frame, resize_frames([expected], (16, 8))[0])
    assert torch.equal(together[3], frames[3])


@pytest.mark.parametrize("options", [((0, 4), "bilinear"), ((4, 4), "lanczos")])
def test_sizes_and_filters_that_make_no_sense_are_refused(options: tuple) -> None:
    with pytest.raises(ConfigError, match="cannot resize"):
        Resize(*options)


def test_flip_mirrors_the_whole_clip_or_none_of_it() -> None:
    outcomes = set()
    for seed in range(40):
        frames = clip()
        flipped = HorizontalFlip()(frames.clone(), rng(seed))
        assert is_consistent(flipped)
        outcomes.add(torch.equal(flipped, frames))
        assert torch.equal(flipped, frames) or torch.equal(flipped, frames.flip(-1))
    assert outcomes == {True, False}


def test_flip_per_frame_mirrors_about_half() -> None:
    frames = clip(1000, (2, 4))
    flipped = HorizontalFlip(per_frame=True)(frames.clone(), rng())
    mirrored = sum(torch.equal(after, before.flip(-1)) for after, before in zip(flipped, frames, strict=True))
    assert 420 < mirrored < 580


def test_pad_crop_is_a_window_of_the_padded_clip() -> None:
    frames = clip(3)
    padded = torch.zeros(3, 3, 24 + 8, 12 + 8, dtype=torch.uint8)
    padded[..., 4:28, 4:16] = frames
    windows = {(y, x): padded[..., y : y + 24, x : x + 12] for y in range(9) for x in range(9)}
    seen = set()
    for seed in range(400):
        out = PadCrop(4)(frames, rng(seed))
        seen |= {place for place, window in windows.items() if torch.equal(out, window)}
        assert is_consistent(out)
    assert len(seen) > 75  # of 81 places
    assert not is_consistent(PadCrop(4, per_frame=True)(frames, rng()))


def test_padding_without_crop_has_the_fill_around() -> None:
    out = PadCrop(2, fill=(9, 8, 7), crop=False)(clip(2), rng())
    assert out.shape == (2, 3, 28, 16)
    assert out[0, :, 0, 0].tolist() == [9, 8, 7]
    assert torch.equal(out[..., 2:-2, 2:-2], clip(2))


def test_translation_is_a_window_of_the_enlarged_clip_or_the_plain_one() -> None:
    frames, size = clip(2), (32, 16)
    plain = resize_frames(frames.unbind(), size)
    large = resize_frames(frames.unbind(), (36, 18))
    counts = {"plain": 0, "window": 0}
    for seed in range(60):
        out = RandomTranslation2D(size)(frames, rng(seed))
        windows = [large[..., y : y + 32, x : x + 16] for y in range(5) for x in range(3)]
        if torch.equal(out, plain):
            counts["plain"] += 1
        else:
            assert any(torch.equal(out, window) for window in windows)
            counts["window"] += 1
    assert min(counts.values()) > 15


def test_translation_per_frame_differs_within_the_clip() -> None:
    frames = clip(20)
    out = RandomTranslation2D((32, 16), per_frame=True)(frames, rng())
    plain = resize_frames(frames.unbind(), (32, 16))
    still = [torch.equal(a, b) for a, b in zip(out, plain, strict=True)]
    assert 3 < sum(still) < 17
    assert out.shape == (20, 3, 32, 16)
