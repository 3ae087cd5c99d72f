"""Image sequences as recordings: folders of images, and patterns such as ``img/%06d.jpg``."""

import configparser
import re
from pathlib import Path

from videoreid.errors import FrameError

__all__ = ["image_sequence", "is_image_sequence", "sequence_rate"]

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"}
_DIGITS = re.compile(r"(\d+)\D*$")
_PATTERN = re.compile(r"%0?\d*d")


def is_image_sequence(path: str) -> bool:
    """Return whether a path is a folder or has a place for a number (``%06d``)."""
    return Path(path).is_dir() or (_PATTERN.search(Path(path).name) is not None and not Path(path).is_file())


def image_sequence(path: str) -> list[tuple[int, str]]:
    """Return ``(number, file)`` of the images of a sequence, rising; the lowest number counts as 0.

    A missing number is a lost frame; it does not shift the others.

    Args:
        path: a folder of images whose names end in their numbers, or a pattern.

    Raises:
        FrameError: no image, a name without a number, or two images with the same number.
    """
    folder, pattern = Path(path), None
    if not folder.is_dir():
        before, after = (re.escape(part) for part in _PATTERN.split(folder.name, maxsplit=1))
        pattern, folder = re.compile(f"{before}(\\d+){after}"), folder.parent
    numbers: dict[int, str] = {}
    names = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    for name in names:
        match = pattern.fullmatch(name) if pattern else _DIGITS.search(Path(name).stem)
        if (pattern and match is None) or Path(name).suffix.lower() not in _SUFFIXES:
            continue
        if match is None:
            raise FrameError(f"{folder / name}: the names of a sequence of images end in their numbers")
        number = int(match[1])
        if number in numbers:
            raise FrameError(
                f"{folder / name} has the number of {numbers[number]}: expected one sequence per folder"
            )
        numbers[number] = str(folder / name)
    if not numbers:
        raise FrameError(
            f"no image {path}: expected a folder of numbered images or a pattern such as img/%06d.jpg"
        )
    first = min(numbers)
    return [(number - first, numbers[number]) for number in sorted(numbers)]


def sequence_rate(path: str) -> float:
    """Return the frames per second that a ``seqinfo.ini`` beside the images states (MOT), or 0."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    for place in (folder / "seqinfo.ini", folder.parent / "seqinfo.ini"):
        parser = configparser.ConfigParser()
        try:
            if parser.read(place, encoding="utf-8"):
                return max(parser.getfloat("Sequence", "frameRate", fallback=0.0), 0.0)
        except (configparser.Error, UnicodeDecodeError, ValueError, OSError):
            continue
    return 0.0
