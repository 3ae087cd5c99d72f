"""Data: datasets, frames, clips, samplers and loaders."""

import importlib

from videoreid.data.clips import ClipDataset, ClipKey
from videoreid.data.datasets import build_dataset, list_datasets
from videoreid.data.frames import FrameReader
from videoreid.data.loaders import ClipLoader, eval_loader, train_loader
from videoreid.data.packing import Encoding, pack_splits, use_store, verify_store
from videoreid.data.samplers import DomainSampler, PKSampler
from videoreid.data.sampling import list_sampling_rules, sample_indices
from videoreid.data.stores import packed_splits
from videoreid.data.transforms import (
    ClipTransform,
    ColorJitter,
    HorizontalFlip,
    LocalGrayscale,
    PadCrop,
    RandomErasing,
    RandomFrameErasing,
    RandomTranslation2D,
    Resize,
    build_transform,
    list_presets,
)
from videoreid.data.video import VideoFrame, VideoReader, iterate_frames

__all__ = [
    "ClipDataset",
    "ClipKey",
    "ClipLoader",
    "ClipTransform",
    "ColorJitter",
    "DomainSampler",
    "Encoding",
    "FrameReader",
    "HorizontalFlip",
    "LocalGrayscale",
    "PKSampler",
    "PadCrop",
    "RandomErasing",
    "RandomFrameErasing",
    "RandomTranslation2D",
    "Resize",
    "VideoFrame",
    "VideoReader",
    "build_dataset",
    "build_transform",
    "eval_loader",
    "iterate_frames",
    "list_datasets",
    "list_presets",
    "list_sampling_rules",
    "pack_splits",
    "packed_splits",
    "sample_indices",
    "train_loader",
    "use_store",
    "verify_store",
]

# moved to `videoreid.footage`; they are found here until the next release
_MOVED = (
    "CutRules",
    "Footage",
    "Tracks",
    "crop_tracklets",
    "import_footage",
    "read_tracks",
    "split_tracks",
    "tracks_from_arrays",
    "tracks_from_detections",
)


def __getattr__(name: str) -> object:
    """Return a name that moved to `videoreid.footage`."""
    if name in _MOVED:
        return getattr(importlib.import_module("videoreid.footage"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
