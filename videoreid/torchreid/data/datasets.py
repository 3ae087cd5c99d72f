"""torchreid's dataset functions: classes, registration, and opening by name."""

from typing import Any

from videoreid.data.datasets import build_dataset
from videoreid.errors import ConfigError
from videoreid.torchreid.data.dataset import Dataset, ImageDataset, VideoDataset
from videoreid.torchreid.data.manager_options import dataset_options
from videoreid.torchreid.data.registration import register_image_dataset, register_video_dataset
from videoreid.types import Splits

__all__ = [
    "Dataset",
    "ImageDataset",
    "VideoDataset",
    "init_image_dataset",
    "init_video_dataset",
    "register_image_dataset",
    "register_video_dataset",
]


def init_image_dataset(name: str, root: str = "", split_id: int = 0, **kwargs: Any) -> ImageDataset:
    """Open an image dataset.

    Args:
        name: of the dataset.
        root: folder that holds the datasets; "" means ``VIDEOREID_DATA``.
        split_id: which split, for datasets that have several.
        **kwargs: ``transform`` and ``mode``, see `Dataset`.

    Raises:
        ConfigError: a tracklet has more than one frame.
        UnknownNameError: no such dataset.
        DatasetError: it is missing or damaged.
    """
    splits = _opened(name, root, split_id)
    parts = splits.train, splits.query, splits.gallery
    if any(len(tracklet) > 1 for part in parts for tracklet in part):
        raise ConfigError(f"{name} is a video dataset: use init_video_dataset({name!r}, ...)")
    train, query, gallery = ([(t.frames[0], t.pid, t.camid) for t in part] for part in parts)
    return ImageDataset(train, query, gallery, **kwargs)


def init_video_dataset(name: str, root: str = "", split_id: int = 0, **kwargs: Any) -> VideoDataset:
    """Open a video dataset; an image dataset has tracklets of one frame.

    Args:
        name: of the dataset.
        root: folder that holds the datasets; "" means ``VIDEOREID_DATA``.
        split_id: which split, for datasets that have several.
        **kwargs: ``seq_len``, ``sample_method``, ``transform`` and ``mode``, see `VideoDataset`.

    Raises:
        UnknownNameError: no such dataset.
        DatasetError: it is missing or damaged.
    """
    splits = _opened(name, root, split_id)
    parts = splits.train, splits.query, splits.gallery
    train, query, gallery = ([(tuple(t.frames), t.pid, t.camid) for t in part] for part in parts)
    return VideoDataset(train, query, gallery, **kwargs)


def _opened(name: str, root: str, split_id: int) -> Splits:
    return build_dataset(name, root or None, **dataset_options(name, split_id=split_id))
