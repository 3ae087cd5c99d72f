"""Clip-consistent augmentation on uint8 frames, and the recipes of publications."""

from videoreid.data.transforms.base import ClipStep, ClipTransform
from videoreid.data.transforms.colour import ColorJitter
from videoreid.data.transforms.erasing import (
    LocalGrayscale,
    RandomErasing,
    RandomFrameErasing,
    fill_after_normalisation,
    fill_before_normalisation,
)
from videoreid.data.transforms.geometry import (
    HorizontalFlip,
    PadCrop,
    RandomTranslation2D,
    Resize,
    resize_frames,
)
from videoreid.data.transforms.presets import PRESETS, Preset, build_transform, list_presets

__all__ = [
    "ClipStep",
    "ClipTransform",
    "ColorJitter",
    "HorizontalFlip",
    "LocalGrayscale",
    "PRESETS",
    "PadCrop",
    "Preset",
    "RandomErasing",
    "RandomFrameErasing",
    "RandomTranslation2D",
    "Resize",
    "build_transform",
    "fill_after_normalisation",
    "fill_before_normalisation",
    "list_presets",
    "resize_frames",
]
