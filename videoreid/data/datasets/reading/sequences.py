"""Tracklets of datasets with one folder of images per tracklet."""

from dataclasses import replace
from pathlib import Path

from videoreid.data.datasets.reading.files import list_images
from videoreid.data.datasets.reading.frame_names import FrameNames
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Tracklet

__all__ = ["dense_tracklets", "folder_frames"]


def folder_frames(folder: Path, dataset: str) -> FrameNames:
    """Return the images of a folder in natural order, independent of the order of the file system.

    Raises:
        DatasetError: the folder is missing, unreadable, or holds no image.
    """
    if not folder.is_dir():
        raise DatasetError(
            f"{dataset}: no folder {folder}, though the dataset lists it; unpack the data again"
        )
    names = list_images(folder)
    if not names:
        raise DatasetError(f"{dataset}: {folder} holds no image; expected the frames of one tracklet")
    return FrameNames.of(str(folder), names)


def dense_tracklets(
    tracklets: tuple[Tracklet, ...], step: int, window: int | None = None
) -> tuple[Tracklet, ...]:
    """Cut long training tracklets into pieces, so that an epoch uses more of their frames.

    With n frames and ``m = n // step``: piece i < m - 1 is ``[step * i : step * i + window]``, the last one
    ``[step * (m - 1) :]``; a tracklet with m = 0 stays whole. Published uses: step 64 without overlap
    (DukeMTMC-VideoReID) and step 32 with window 64 (PRID2011, iLIDS-VID).

    Args:
        tracklets: the training set.
        step: frames between the starts of two pieces, 1 or more.
        window: frames per piece; None means ``step``, no overlap.

    Returns:
        The pieces, each with the pid, camera and times of its tracklet.

    Raises:
        ConfigError: step or window is less than one.
    """
    window = step if window is None else window
    if step < 1 or window < 1:
        raise ConfigError(f"step and window must be 1 or more, got {step} and {window}")
    pieces = []
    for tracklet in tracklets:
        count = max(len(tracklet) // step, 1)
        for i in range(count):
            end = step * i + window if i < count - 1 else len(tracklet)
            frames = tracklet.frames[step * i : end]
            pieces.append(replace(tracklet, frames=frames))
    return tuple(pieces)
