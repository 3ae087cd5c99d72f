"""torchreid's data managers, dataset base classes, samplers and transforms."""

from videoreid.torchreid.data import datasets, sampler, transforms
from videoreid.torchreid.data.dataset import Dataset, ImageDataset, VideoDataset
from videoreid.torchreid.data.managers import ImageDataManager, VideoDataManager
from videoreid.torchreid.data.registration import register_image_dataset, register_video_dataset

__all__ = [
    "Dataset",
    "ImageDataManager",
    "ImageDataset",
    "VideoDataManager",
    "VideoDataset",
    "datasets",
    "register_image_dataset",
    "register_video_dataset",
    "sampler",
    "transforms",
]
