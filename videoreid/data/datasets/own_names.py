"""Person and camera numbers from the folder names of a user's own data."""

import re
from collections import defaultdict
from collections.abc import Iterable

from videoreid.data.datasets.reading.files import natural_key
from videoreid.data.datasets.remarks import remark
from videoreid.errors import DatasetError

__all__ = ["number_cameras", "number_people"]

_JUNK = ("-1", "00-1")  # the second is how MARS writes it
_NUMBER = re.compile(r"[0-9]+")
_NUMBERED_CAMERA = re.compile(r"(?:c|cam|camera)?0*([0-9]+)")
_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_LARGEST = (1 << 63) - 1


def number_people(names: Iterable[str]) -> dict[str, int]:
    """Return the number of every person.

    A name that is a number keeps it (0 is a distractor); ``-1`` and MARS' ``00-1`` are junk (-1). Other names are
    numbered in natural order after the largest number, so that one odd folder does not change the others' numbers.

    Args:
        names: folders of people.

    Raises:
        DatasetError: two names are the same number, or differ only in case and leading zeros; or a number is too large.
    """
    names = sorted(set(names), key=natural_key)
    numbers = {name: -1 for name in names if name in _JUNK}
    numbers |= {name: int(name) for name in names if _NUMBER.fullmatch(name) and len(name) < 100}
    for name, number in numbers.items():
        if number > _LARGEST:
            raise DatasetError(f"folder: person {name} is too large a number; expected at most {_LARGEST}")
    _refuse_twins(names, numbers)
    others = [name for name in names if name not in numbers]
    first = max(0, *numbers.values()) + 1 if numbers else 1
    if others and first > 1:
        listed = ", ".join(others[:4]) + (" ..." if len(others) > 4 else "")
        remark(
            "folder",
            f"{len(others):,} of {len(names):,} people have no number as name and are numbered from {first}: {listed}",
        )
    return numbers | {name: number for number, name in enumerate(others, first)}


def number_cameras(names: Iterable[str]) -> dict[str, int]:
    """Return the number of every camera, from 0 in natural order.

    ``1``, ``01``, ``c1``, ``Cam1`` and ``camera_1`` are one camera, and so are names that differ only in case, leading
    zeros, spaces, ``-`` and ``_``: with two numbers for one camera, same-camera matches would count as cross-camera.

    Args:
        names: folders of cameras.
    """
    spellings: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names), key=natural_key):
        spellings[_camera_key(name)].append(name)
    several = [group for group in spellings.values() if len(group) > 1]
    if several:
        listed = "; ".join(" = ".join(group) for group in several[:4])
        remark("folder", f"{len(several):,} cameras have several names, each taken for one camera: {listed}")
    order = sorted(spellings, key=natural_key)
    return {name: number for number, key in enumerate(order) for name in spellings[key]}


def _camera_key(name: str) -> str:
    plain = re.sub(r"[\s_-]+", "", name.casefold())
    match = _NUMBERED_CAMERA.fullmatch(plain)
    # a name of separators alone keeps them: two such names must not share an empty key
    return match[1] if match else _ZEROS.sub("", plain) or name


def _refuse_twins(names: list[str], numbers: dict[str, int]) -> None:
    alike: dict[object, list[str]] = defaultdict(list)
    for name in names:
        if name not in _JUNK:
            alike[numbers[name] if name in numbers else _ZEROS.sub("", name.casefold())].append(name)
    for group in alike.values():
        if len(group) > 1:
            what = "the same number" if group[0] in numbers else "the same name except for case and zeros"
            raise DatasetError(f"folder: people {', '.join(group[:4])} are {what}; rename the folders")
