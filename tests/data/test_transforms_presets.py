import numpy as np
import pytest
import torch

from videoreid.data.transforms import (
    ClipTransform,
    HorizontalFlip,
    LocalGrayscale,
    PadCrop,
    RandomErasing,
    RandomTranslation2D,
    Resize,
    build_transform,
    list_presets,
)
from videoreid.errors import ConfigError, UnknownNameError

FRAMES = [np.random.default_rng(0).integers(0, 256, (32, 16, 3), dtype=np.uint8)] * 8

SIZES = {"jg": (224, 112), "tricks": (224, 112), "tricks_no_erasing": (224, 112), "streid": (384, 192)}
PER_FRAME = {
    "vpreid",
    "gcm",
    "base",
    "gcn",
    "jg",
    "tricks",
    "tricks_no_erasing",
    "torchreid",
    "torchreid_crop",
}


def consistent(clip: torch.Tensor) -> bool:
    return bool((clip == clip[:1]).all())


@pytest.mark.parametrize("preset", list_presets())
def test_presets_have_their_published_size_and_scope(preset: str) -> None:
    clips = [build_transform(preset, train=True)(FRAMES, np.random.default_rng(seed)) for seed in range(12)]
    assert {tuple(clip.shape) for clip in clips} == {(8, 3, *SIZES.get(preset, (256, 128)))}
    assert all(map(consistent, clips)) == (preset not in PER_FRAME)
    assert len({clip.numpy().tobytes() for clip in clips}) > 1


@pytest.mark.parametrize("preset", list_presets())
def test_the_scope_can_be_forced(preset: str) -> None:
    once = build_transform(preset, (32, 16), train=True, per_frame=False)
    assert all(consistent(once(FRAMES, np.random.default_rng(seed))) for seed in range(12))
    often = build_transform(preset, (32, 16), train=True, per_frame=True)
    assert not all(consistent(often(FRAMES, np.random.default_rng(seed))) for seed in range(12))


@pytest.mark.parametrize("preset", list_presets())
def test_evaluation_only_resizes(preset: str) -> None:
    transform = build_transform(preset, (32, 16), train=False)
    clip = transform(FRAMES, np.random.default_rng(0))
    np.testing.assert_array_equal(clip[0].permute(1, 2, 0).numpy(), FRAMES[0])
    cubic = preset in {"vpreid", "gcm", "ame", "tricks", "tricks_no_erasing", "streid"}
    assert ("bicubic" in repr(transform)) == cubic


def test_unknown_presets_and_sizes_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'tricks'"):
        build_transform("trics", train=True)
    with pytest.raises(ConfigError, match="size must be"):
        build_transform("basic", (0, 4), train=False)
    smallest = build_transform("basic", (1, 1), train=False)(FRAMES, np.random.default_rng(0))
    assert smallest.shape[2:] == (1, 1)
    published = build_transform("streid", train=False)(FRAMES, np.random.default_rng(0))
    assert published.shape[2:] == (384, 192)


@pytest.mark.parametrize("sizes", [[(40, 20)] * 4, [(32, 16)] * 4, [(40, 20), (32, 16), (40, 20), (18, 11)]])
@pytest.mark.parametrize("preset", list_presets())
def test_pixels_do_not_depend_on_their_order_in_memory(preset: str, sizes: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(0)
    decoded = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    planar = [torch.from_numpy(frame).permute(2, 0, 1).contiguous() for frame in decoded]
    transform = build_transform(preset, (32, 16), train=True)
    for seed in range(6):
        clip = transform(decoded, np.random.default_rng(seed))
        expected = planar_clip(transform, planar, np.random.default_rng(seed))
        assert clip.is_contiguous()
        assert torch.equal(clip, expected)


def planar_clip(
    transform: ClipTransform, frames: list[torch.Tensor], generator: np.random.Generator
) -> torch.Tensor:
    """Run the steps one by one on colour planes."""
    first, *others = transform.steps
    clip = first.resize_mixed(frames, generator)  # type: ignore[attr-defined]
    for step in others:
        clip = step(clip.contiguous(), generator)
    return clip


STEPS = {
    "strong": [Resize((256, 128)), HorizontalFlip(), PadCrop(10), RandomErasing()],
    "tricks": [
        Resize((224, 112), "bicubic"),
        HorizontalFlip(per_frame=True),
        PadCrop(10, crop=False),
        RandomTranslation2D((224, 112), per_frame=True),
        RandomErasing(fill=(152, 142, 127), per_frame=True),
    ],
    "tricks_no_erasing": [
        Resize((224, 112), "bicubic"),
        HorizontalFlip(per_frame=True),
        PadCrop(10, crop=False),
        RandomTranslation2D((224, 112), per_frame=True),
    ],
    "streid": [Resize((384, 192), "bicubic"), HorizontalFlip(), RandomErasing(fill=(124, 116, 104))],
    "torchreid_crop": [
        Resize((256, 128)),
        HorizontalFlip(per_frame=True),
        RandomTranslation2D((256, 128), per_frame=True),
    ],
    "psta": [Resize((256, 128), "bicubic"), HorizontalFlip(), RandomErasing(fill=(152, 142, 127))],
    "vpreid": [Resize((256, 128), "bicubic"), HorizontalFlip(), LocalGrayscale(per_frame=True)],
    "jg": [RandomTranslation2D((224, 112), per_frame=True), HorizontalFlip(per_frame=True)],
    "base": [Resize((256, 128)), RandomErasing(fill=(152, 144, 129), per_frame=True), HorizontalFlip()],
}  # fmt: skip


@pytest.mark.parametrize("preset", STEPS)
def test_the_steps_of_a_preset_are_the_published_ones(preset: str) -> None:
    assert list(build_transform(preset, train=True).steps) == STEPS[preset]


def test_published_chances_and_ranges() -> None:
    assert HorizontalFlip() == HorizontalFlip(p=0.5)
    assert RandomErasing() == RandomErasing(p=0.5, area=(0.02, 0.4), aspect=(0.3, 1 / 0.3))
    assert LocalGrayscale() == LocalGrayscale(p=0.2)
    assert RandomTranslation2D((8, 4)) == RandomTranslation2D((8, 4), p=0.5)
