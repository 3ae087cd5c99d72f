"""Splits of PRID2011 and iLIDS-VID: two cameras, a folder per person, ten random splits into halves."""

from collections.abc import Sequence
from pathlib import Path

from videoreid.data.datasets.reading.files import list_folders
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.sequences import folder_frames
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Splits, Tracklet

__all__ = ["NUM_SPLITS", "person_number", "two_camera_splits"]

NUM_SPLITS = 10


def two_camera_splits(
    cameras: Sequence[Path],
    splits: Sequence[tuple[list[str], list[str]]],
    split_id: int,
    *,
    dataset: str,
    licence: str,
) -> Splits:
    """Return one split: both cameras of the training half; of the test half, camera 0 is query and camera 1 gallery.

    Args:
        cameras: the two folders that hold one folder per person.
        splits: (train, test) folder names of every split.
        split_id: number of the split, from 0.
        dataset: name of the dataset, also of its protocol.
        licence: conditions of use.

    Raises:
        ConfigError: no such split.
        DatasetError: a person of the split has no folder, or is in both halves.
    """
    if not 0 <= split_id < len(splits):
        raise ConfigError(f"{dataset} has splits 0 to {len(splits) - 1}; there is no split_id {split_id}")
    train, test = splits[split_id]
    both = sorted(set(train) & set(test))
    if both or len(set(train)) < len(train) or len(set(test)) < len(test):
        raise DatasetError(f"{dataset}: split {split_id} names a person twice, such as {(both or train)[0]}")
    known = [set(list_folders(camera)) for camera in cameras]
    for camera, names in zip(cameras, known, strict=True):
        missing = [name for name in (*train, *test) if name not in names]
        if missing:
            raise DatasetError(
                f"{dataset}: split {split_id} lists {len(missing)} people without a folder in {camera}, "
                f"the first is {missing[0]}"
            )
    read = [
        {
            name: Tracklet(folder_frames(camera / name, dataset), person_number(name, dataset), camid)
            for name in (*train, *test)
        }
        for camid, camera in enumerate(cameras)
    ]
    return Splits(
        name=f"{dataset}/split{split_id}",
        train=relabel_pids(read[camid][name] for name in train for camid in (0, 1)),
        query=tuple(read[0][name] for name in test),
        gallery=tuple(read[1][name] for name in test),
        protocol=dataset,
        licence=licence,
    )


def person_number(name: str, dataset: str) -> int:
    """Return the number at the end of a person's folder name: 7 for "person_0007".

    Raises:
        DatasetError: the name does not end in a number.
    """
    digits = name[len(name.rstrip("0123456789")) :]
    if not digits:
        raise DatasetError(
            f"{dataset}: folder {name!r} has no person number; expected a name such as person_0007"
        )
    return int(digits)
