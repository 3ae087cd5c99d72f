"""torchreid's data managers, and dataset classes written in its way."""

from videoreid.torchreid.data.managers import ImageDataManager, VideoDataManager
from videoreid.torchreid.data.registration import (
    ImageDataset,
    VideoDataset,
    register_image_dataset,
    register_video_dataset,
)

__all__ = [
    "ImageDataManager",
    "ImageDataset",
    "VideoDataManager",
    "VideoDataset",
    "register_image_dataset",
    "register_video_dataset",
]
