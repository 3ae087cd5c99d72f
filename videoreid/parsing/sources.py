"""Sources of pictures to parse: the pictures of a folder, the frames of a video, the tracklets of a dataset."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from videoreid.data.keys import video_key
from videoreid.data.video import iterate_frames
from videoreid.errors import DatasetError, FrameError
from videoreid.types import Splits, Tracklet

__all__ = ["Picture", "pictures_of_folder", "pictures_of_splits", "pictures_of_video"]

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Picture:
    """One frame to parse.

    Args:
        key: key of the frame for `FrameReader`.
        name: path of its output files, relative and without suffix.
        tracklet: name of its tracklet; visibilities are averaged over a tracklet.
    """

    key: str
    name: str
    tracklet: str


def pictures_of_folder(folder: Path) -> list[Picture]:
    """Return the pictures below a folder; the pictures of one folder are a tracklet.

    Raises:
        DatasetError: there is no picture, or two differ only in their suffix.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not paths:
        raise DatasetError(
            f"{folder} holds no picture; expected files such as .jpg or .png in it or below it"
        )
    pictures = []
    seen: dict[str, Path] = {}
    for path in paths:
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in seen:
            raise DatasetError(f"{path} and {seen[name]} would be written to one file; rename one of them")
        seen[name] = path
        pictures.append(Picture(str(path), name, path.parent.relative_to(folder).as_posix()))
    return pictures


def pictures_of_video(video: Path, *, every: int = 1) -> list[Picture]:
    """Return the frames of a video that decode, which are one tracklet.

    The video is decoded once to find them: the number of frames that a file states may be wrong. A warning counts the
    damaged frames, which are left out.

    Args:
        video: any file that OpenCV decodes.
        every: take every n-th frame.

    Raises:
        FrameError: the file is missing, is not a video, or has no frame that decodes.
    """
    numbers = [frame.number for frame in iterate_frames(video)]
    if not numbers:
        raise FrameError(f"{video} holds no frame that decodes")
    return [
        Picture(video_key(video, number), f"{video.stem}/{number:06d}", video.stem)
        for number in numbers
        if number % every == 0
    ]


def pictures_of_splits(splits: Splits, parts: Sequence[str] = ("query", "gallery")) -> list[Picture]:
    """Return the frames of a dataset, named by split, number of the tracklet in it and number of the frame.

    Args:
        splits: a dataset.
        parts: one or more of "train", "query" and "gallery".
    """
    named: Mapping[str, Sequence[Tracklet]] = {part: getattr(splits, part) for part in parts}
    return [picture for part, tracklets in named.items() for picture in _of_tracklets(part, tracklets)]


def _of_tracklets(part: str, tracklets: Sequence[Tracklet]) -> Iterator[Picture]:
    for index, tracklet in enumerate(tracklets):
        name = f"{part}/{index:06d}"
        for place, key in enumerate(tracklet.frames):
            yield Picture(key, f"{name}/{place:04d}", name)
