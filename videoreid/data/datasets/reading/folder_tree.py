"""A user's tree of folders, one per person, camera and tracklet, read into tracklets."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from videoreid.data.datasets.reading.files import list_folders, list_images, natural_key
from videoreid.data.datasets.reading.frame_names import FrameNames
from videoreid.data.datasets.reading.sequences import folder_frames
from videoreid.errors import DatasetError
from videoreid.types import Tracklet

__all__ = ["read_trees"]

_NUMBER = re.compile(r"-1|\d+")


class _Found(NamedTuple):
    person: str
    camera: str
    frames: FrameNames


def read_trees(trees: Mapping[str, Path], *, cameras: bool = True) -> dict[str, list[Tracklet]]:
    """Return the tracklets of several trees, with one numbering of people and cameras for all of them.

    People whose folders are all numbers keep them (-1 junk, 0 distractor); otherwise they are counted from 1 in natural
    order. Cameras are counted from 0 in the natural order of their names.

    Args:
        trees: by split, a folder ``<pid>/<camera>/<tracklet>/frame.jpg``.
        cameras: False means that there are none, and the tree is ``<pid>/<tracklet>/frame.jpg``.

    Raises:
        DatasetError: a level of the tree is missing, a tracklet is empty, or two folders are one number.
    """
    found = {split: _walk(tree, cameras=cameras) for split, tree in trees.items()}
    everyone = [item for items in found.values() for item in items]
    people = _number_people({item.person for item in everyone})
    names = sorted({item.camera for item in everyone}, key=natural_key)
    camids = {name: number for number, name in enumerate(names)} if cameras else {"": -1}
    return {
        split: [Tracklet(item.frames, people[item.person], camids[item.camera]) for item in items]
        for split, items in found.items()
    }


def _walk(tree: Path, *, cameras: bool) -> list[_Found]:
    found = []
    for person in _folders(tree, "people"):
        for camera in _folders(tree / person, "cameras") if cameras else [""]:
            place = tree / person / camera
            for tracklet in _folders(place, "tracklets", cameras=cameras):
                found.append(_Found(person, camera, _frames(place / tracklet, cameras=cameras)))
    return found


def _folders(folder: Path, what: str, *, cameras: bool = True) -> list[str]:
    names = list_folders(folder)
    if names:
        return names
    images = list_images(folder)
    hint = ""
    if images and cameras:
        hint = ": pass cameras=False for a tree <pid>/<tracklet>/frame.jpg"
    raise DatasetError(
        f"folder: {folder} holds {len(images)} images and no folders; expected folders of {what}{hint}"
    )


def _frames(folder: Path, *, cameras: bool) -> FrameNames:
    if not cameras and (deeper := list_folders(folder)):
        raise DatasetError(
            f"folder: {folder} holds folders such as {deeper[0]!r}; expected frames of one tracklet: "
            "pass cameras=True for a tree <pid>/<camera>/<tracklet>/frame.jpg"
        )
    return folder_frames(folder, "folder")


def _number_people(names: set[str]) -> dict[str, int]:
    if not all(_NUMBER.fullmatch(name) for name in names):
        return {name: number for number, name in enumerate(sorted(names, key=natural_key), 1)}
    numbers = {name: int(name) for name in names}
    if len(set(numbers.values())) < len(numbers):
        twice = sorted(name for name in names if list(numbers.values()).count(numbers[name]) > 1)
        raise DatasetError(f"folder: people {', '.join(twice[:4])} are one number; rename the folders")
    return numbers
