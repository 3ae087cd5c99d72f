"""Data: corpora, frames, clips, samplers, loaders, and footage made into tracklets."""

from videoreid.data.clips import ClipDataset, ClipKey
from videoreid.data.footage import CutRules, Footage, import_footage
from videoreid.data.frames import FrameReader
from videoreid.data.loaders import ClipLoader, eval_loader, train_loader
from videoreid.data.manager import ImageDataManager, VideoDataManager
from videoreid.data.packing import Encoding, pack_splits, packed_splits, use_store, verify_store
from videoreid.data.registration import (
    ImageDataset,
    VideoDataset,
    register_image_dataset,
    register_video_dataset,
)
from videoreid.data.samplers import DomainSampler, PKSampler
from videoreid.data.sampling import list_sampling_rules, sample_indices
from videoreid.data.track_sources import tracks_from_arrays, tracks_from_detections
from videoreid.data.tracks import Tracks, crop_tracklets, read_tracks, split_tracks
from videoreid.data.transforms import ClipTransform, build_transform, list_presets
from videoreid.data.video import VideoFrame, VideoReader, iterate_frames

__all__ = [
    "ClipDataset",
    "ClipKey",
    "ClipLoader",
    "ClipTransform",
    "CutRules",
    "DomainSampler",
    "Encoding",
    "Footage",
    "FrameReader",
    "ImageDataManager",
    "ImageDataset",
    "PKSampler",
    "Tracks",
    "VideoDataManager",
    "VideoDataset",
    "VideoFrame",
    "VideoReader",
    "build_transform",
    "crop_tracklets",
    "eval_loader",
    "import_footage",
    "iterate_frames",
    "list_presets",
    "list_sampling_rules",
    "pack_splits",
    "packed_splits",
    "read_tracks",
    "register_image_dataset",
    "register_video_dataset",
    "sample_indices",
    "split_tracks",
    "tracks_from_arrays",
    "tracks_from_detections",
    "train_loader",
    "use_store",
    "verify_store",
]
