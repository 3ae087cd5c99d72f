"""Person and camera numbers of a dataset, converted to labels and camera indices."""

from collections.abc import Iterable
from dataclasses import replace

from videoreid.errors import DatasetError
from videoreid.types import Tracklet

__all__ = ["camera_index", "relabel_pids"]


def relabel_pids(tracklets: Iterable[Tracklet]) -> tuple[Tracklet, ...]:
    """Return the tracklets with pids ``0 .. K-1``, in the sorted order of their original ids.

    Sorted, because the order of a set or of a file system would give different labels on different machines.
    """
    tracklets = tuple(tracklets)
    labels = {pid: label for label, pid in enumerate(sorted({tracklet.pid for tracklet in tracklets}))}
    return tuple(replace(tracklet, pid=labels[tracklet.pid]) for tracklet in tracklets)


def camera_index(number: int, num_cameras: int, where: str) -> int:
    """Return the 0-based camera of a dataset that counts its cameras from one.

    Args:
        number: 1-based camera.
        num_cameras: number of cameras of the dataset.
        where: file or row, for the message.

    Raises:
        DatasetError: the number is outside ``1 .. num_cameras``.
    """
    if not 1 <= number <= num_cameras:
        raise DatasetError(f"{where}: camera {number} is out of range; expected 1 to {num_cameras}")
    return number - 1
