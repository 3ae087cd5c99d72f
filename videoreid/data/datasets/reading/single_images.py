"""Images of image datasets as tracklets of one frame."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from videoreid.data.datasets.reading.files import list_images
from videoreid.data.datasets.reading.labels import camera_index
from videoreid.errors import DatasetError
from videoreid.types import Tracklet

__all__ = ["ImageName", "read_images"]


class ImageName(NamedTuple):
    """The person, camera and time in a file name.

    Args:
        pid: person; -1 is junk and 0 a distractor.
        camera: camera, counted from one.
        time: frame number on the clock of its camera; NaN if the name has none.
    """

    pid: int
    camera: int
    time: float


def read_images(
    folder: Path, parse: Callable[[str], ImageName | None], *, num_cameras: int, dataset: str
) -> tuple[Tracklet, ...]:
    """Return one tracklet per image of a folder, without junk (pid -1).

    Args:
        folder: folder of the images.
        parse: function that reads a file name; it returns None if the name does not fit the dataset.
        num_cameras: number of cameras of the dataset.
        dataset: name used in messages.

    Raises:
        DatasetError: the folder holds no image, a name does not fit the pattern, or its camera is out of range.
    """
    tracklets = tuple(_tracklets(folder, parse, num_cameras, dataset))
    if not tracklets:
        raise DatasetError(f"{dataset}: {folder} holds no image of a person; unpack the data again")
    return tracklets


def _tracklets(
    folder: Path, parse: Callable[[str], ImageName | None], num_cameras: int, dataset: str
) -> Iterator[Tracklet]:
    place = str(folder)
    for name in list_images(folder):
        parsed = parse(name)
        if parsed is None:
            raise DatasetError(f"{dataset}: {folder / name} is not named like the images of this dataset")
        camid = camera_index(parsed.camera, num_cameras, f"{dataset}: {folder / name}")
        if parsed.pid != -1:
            yield Tracklet((f"{place}/{name}",), parsed.pid, camid, parsed.time, parsed.time)
