"""A user's tree of folders, one per person, camera and tracklet, read into tracklets."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from videoreid.data.datasets.own_names import number_cameras, number_people
from videoreid.data.datasets.reading.files import list_folders, list_images
from videoreid.data.datasets.reading.frame_names import FrameNames
from videoreid.data.datasets.reading.sequences import folder_frames
from videoreid.data.datasets.remarks import note_left_out
from videoreid.errors import DatasetError
from videoreid.types import Tracklet

__all__ = ["read_trees"]


class _Found(NamedTuple):
    person: str
    camera: str
    frames: FrameNames


def read_trees(trees: Mapping[str, Path], *, cameras: bool = True) -> dict[str, list[Tracklet]]:
    """Return the tracklets of several trees, with one numbering of people and cameras for all of them.

    People whose folders are numbers keep them (-1 junk, 0 distractor); the others are numbered after the largest of
    these (`number_people`). Cameras are numbered from 0 in the natural order of their names (`number_cameras`).
    Images beside the folders of tracklets, and folders within them, are left out and counted.

    Args:
        trees: for each split, a folder ``<pid>/<camera>/<tracklet>/frame.jpg``.
        cameras: False means that there are no cameras, and the tree is ``<pid>/<tracklet>/frame.jpg``.

    Raises:
        DatasetError: a level of the tree is missing, a tracklet is empty, or two folders are the same number.
    """
    found = {split: _walk(tree, cameras=cameras) for split, tree in trees.items()}
    everyone = [item for items in found.values() for item in items]
    people = number_people(item.person for item in everyone)
    camids = number_cameras(item.camera for item in everyone) if cameras else {"": -1}
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
    images = list_images(folder)
    if names:
        for image in images:
            note_left_out(
                f"images are left out, as they lie beside the folders of {what}", f"{folder}/{image}"
            )
        return names
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
    frames = folder_frames(folder, "folder")
    for deeper_folder in list_folders(folder) if cameras else ():
        note_left_out("folders are left out, as they lie within a tracklet", f"{folder}/{deeper_folder}")
    return frames
