"""Person and camera numbers: from a dataset's own to labels and camera indices."""

from collections.abc import Iterable
from dataclasses import replace

from videoreid.errors import DatasetError
from videoreid.types import Tracklet

__all__ = ["camera_index", "relabel_pids"]


def relabel_pids(tracklets: Iterable[Tracklet]) -> tuple[Tracklet, ...]:
    """Return the tracklets with pids ``0 .. K-1``, in the sorted order of their own ids.

    Sorted, because the order of a set or of a file system would give every machine its own labels.
    """
    tracklets = tuple(tracklets)
    labels = {pid: label for label, pid in enumerate(sorted({tracklet.pid for tracklet in tracklets}))}
    return tuple(replace(tracklet, pid=labels[tracklet.pid]) for tracklet in tracklets)


def camera_index(number: int, num_cameras: int, where: str) -> int:
    """Return the 0-based camera of a dataset that counts its cameras from one.

    Args:
        number: 1-based camera.
        num_cameras: how many the dataset has.
        where: file or row, for the message.

    Raises:
        DatasetError: the number is outside ``1 .. num_cameras``.
    """
    if not 1 <= number <= num_cameras:
        raise DatasetError(f"{where}: camera {number} is out of range; expected 1 to {num_cameras}")
    return number - 1
