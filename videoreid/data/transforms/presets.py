"""The augmentation recipes of publications, by name."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import NamedTuple

from videoreid.data.transforms.base import ClipStep, ClipTransform
from videoreid.data.transforms.erasing import LocalGrayscale, RandomErasing, fill_after_normalisation
from videoreid.data.transforms.geometry import (
    HorizontalFlip,
    Interpolation,
    PadCrop,
    RandomTranslation2D,
    Resize,
)
from videoreid.errors import ConfigError
from videoreid.registry import Registry

__all__ = ["PRESETS", "Preset", "build_transform", "list_presets"]

Size = tuple[int, int]

PSTA_FILL = fill_after_normalisation((0.485, 0.456, 0.406))
BASE_FILL = fill_after_normalisation((0.4914, 0.4822, 0.4465))


class Preset(NamedTuple):
    """A published recipe.

    Args:
        train: function from a size (H, W) to the steps of training.
        size: the published (H, W).
        interpolation: interpolation of the resize in evaluation.
    """

    train: Callable[[Size], list[ClipStep]]
    size: Size = (256, 128)
    interpolation: Interpolation = "bilinear"


PRESETS: Registry[Callable[[], Preset]] = Registry("transform preset")


def build_transform(
    preset: str = "basic",
    size: Size | None = None,
    *,
    train: bool,
    per_frame: bool | None = None,
) -> ClipTransform:
    """Build the transform of a recipe, for training or for evaluation.

    Args:
        preset: a name from `list_presets`.
        size: (H, W); None is the published size.
        train: True adds augmentation; False only resizes.
        per_frame: None keeps the published scope of every draw; False draws once per clip, True once per frame.

    Raises:
        UnknownNameError: no such preset.
        ConfigError: a size below one pixel.
    """
    recipe = PRESETS[preset]()
    size = size or recipe.size
    if min(size) < 1:
        raise ConfigError(f"size must be (height, width) of 1 or more, got {size}")
    if not train:
        return ClipTransform([Resize(size, recipe.interpolation)])
    steps = recipe.train(size)
    if per_frame is not None:
        steps = [_with_scope(step, per_frame=per_frame) for step in steps]
    return ClipTransform(steps)


def list_presets() -> list[str]:
    """Return the names of the recipes, sorted."""
    return PRESETS.names()


@PRESETS.register("basic")
def _basic() -> Preset:
    """Resize and mirror, once per clip."""
    return Preset(lambda size: [Resize(size), HorizontalFlip()])


@PRESETS.register("strong")
def _strong() -> Preset:
    """Resize, mirror, pad and crop, erase; every draw once per clip."""
    return Preset(lambda size: [Resize(size), HorizontalFlip(), PadCrop(10), RandomErasing()])


@PRESETS.register("vpreid", "gcm")
def _vpreid() -> Preset:
    """Mirror once per clip, turn a patch grey frame by frame."""
    return Preset(
        lambda size: [Resize(size, "bicubic"), HorizontalFlip(), LocalGrayscale(per_frame=True)],
        interpolation="bicubic",
    )


@PRESETS.register("ame")
def _ame() -> Preset:
    """Mirror once per clip."""
    return Preset(lambda size: [Resize(size, "bicubic"), HorizontalFlip()], interpolation="bicubic")


@PRESETS.register("base", "gcn")
def _base() -> Preset:
    """Erase frame by frame, then mirror once per clip."""
    return Preset(
        lambda size: [Resize(size), RandomErasing(fill=BASE_FILL, per_frame=True), HorizontalFlip()]
    )


@PRESETS.register("psta")
def _psta() -> Preset:
    """Mirror and erase once per clip; bicubic in training and, as published, bilinear in evaluation."""
    return Preset(lambda size: [Resize(size, "bicubic"), HorizontalFlip(), RandomErasing(fill=PSTA_FILL)])


@PRESETS.register("jg")
def _jg() -> Preset:
    """Translate and mirror frame by frame."""
    return Preset(
        lambda size: [RandomTranslation2D(size, per_frame=True), HorizontalFlip(per_frame=True)],
        size=(224, 112),
    )


@PRESETS.register("tricks")
def _tricks() -> Preset:
    """Mirror, pad by 10, translate and erase frame by frame."""
    return Preset(
        lambda size: [
            Resize(size, "bicubic"),
            HorizontalFlip(per_frame=True),
            PadCrop(10, crop=False),
            RandomTranslation2D(size, per_frame=True),
            RandomErasing(fill=PSTA_FILL, per_frame=True),
        ],
        size=(224, 112),
        interpolation="bicubic",
    )


@PRESETS.register("tricks_no_erasing")
def _tricks_no_erasing() -> Preset:
    """The steps of "tricks" without erasing, as in the published hyper-parameter search."""
    return Preset(lambda size: _tricks().train(size)[:-1], size=(224, 112), interpolation="bicubic")


@PRESETS.register("streid")
def _streid() -> Preset:
    """Mirror and erase with the mean colour; no crop."""
    return Preset(
        lambda size: [Resize(size, "bicubic"), HorizontalFlip(), RandomErasing()],
        size=(384, 192),
        interpolation="bicubic",
    )


@PRESETS.register("torchreid_crop")
def _torchreid_crop() -> Preset:
    """Mirror and translate frame by frame: torchreid's "random_flip" and "random_crop"."""
    return Preset(
        lambda size: [
            Resize(size),
            HorizontalFlip(per_frame=True),
            RandomTranslation2D(size, per_frame=True),
        ]
    )


@PRESETS.register("torchreid")
def _torchreid() -> Preset:
    """Resize and mirror frame by frame, the default of torchreid."""
    return Preset(lambda size: [Resize(size), HorizontalFlip(per_frame=True)])


def _with_scope(step: ClipStep, *, per_frame: bool) -> ClipStep:
    if is_dataclass(step) and any(field.name == "per_frame" for field in fields(step)):
        return replace(step, per_frame=per_frame)
    return step
