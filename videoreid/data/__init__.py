"""Data: datasets, frames, clips, samplers, loaders, and footage made into tracklets."""

from videoreid.data.clips import ClipDataset, ClipKey
from videoreid.data.datasets import build_dataset, list_datasets
from videoreid.data.footage import CutRules, Footage, import_footage
from videoreid.data.frames import FrameReader
from videoreid.data.loaders import ClipLoader, eval_loader, train_loader
from videoreid.data.packing import Encoding, pack_splits, use_store, verify_store
from videoreid.data.samplers import DomainSampler, PKSampler
from videoreid.data.sampling import list_sampling_rules, sample_indices
from videoreid.data.stores import packed_splits
from videoreid.data.track_sources import tracks_from_arrays, tracks_from_detections
from videoreid.data.tracks import Tracks, crop_tracklets, read_tracks, split_tracks
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

__all__ = [
    "ClipDataset",
    "ClipKey",
    "ClipLoader",
    "ClipTransform",
    "ColorJitter",
    "CutRules",
    "DomainSampler",
    "Encoding",
    "Footage",
    "FrameReader",
    "HorizontalFlip",
    "LocalGrayscale",
    "PKSampler",
    "PadCrop",
    "RandomErasing",
    "RandomFrameErasing",
    "RandomTranslation2D",
    "Resize",
    "Tracks",
    "build_dataset",
    "build_transform",
    "crop_tracklets",
    "eval_loader",
    "import_footage",
    "list_datasets",
    "list_presets",
    "list_sampling_rules",
    "pack_splits",
    "packed_splits",
    "read_tracks",
    "sample_indices",
    "split_tracks",
    "tracks_from_arrays",
    "tracks_from_detections",
    "train_loader",
    "use_store",
    "verify_store",
]
