"""iLIDS-VID: 300 people in two airport cameras, ten splits."""

from pathlib import Path

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import Counts, DatasetInfo
from videoreid.data.datasets.reading.files import find_root, list_folders
from videoreid.data.datasets.reading.mat import read_whole_numbers
from videoreid.data.datasets.reading.two_cameras import two_camera_splits
from videoreid.errors import DatasetError
from videoreid.types import Splits

__all__ = ["ILIDS_VID", "ilidsvid"]

_SPLITS = "train-test people splits/train_test_splits_ilidsvid.mat"

ILIDS_VID = DatasetInfo(
    name="ilidsvid",
    title="iLIDS-VID",
    citation='Wang, Gong, Zhu and Wang, "Person Re-Identification by Video Ranking", ECCV 2014',
    provenance="The project page, now at xiatian-zhu.github.io, formerly at Queen Mary University of London.",
    licence="research only; the i-LIDS footage belongs to the UK Home Office",
    layout="""\
iLIDS-VID/
  i-LIDS-VID/sequences/cam1/person001/*.png     300 people, also in cam2
  train-test people splits/train_test_splits_ilidsvid.mat     ls_set (10, 300): places in the sorted list of people
""",
    counts={
        "train": Counts(ids=150, tracklets=300),
        "query": Counts(ids=150, tracklets=150),
        "gallery": Counts(ids=150, tracklets=150),
    },
    num_cameras=2,
    image_size=(128, 64),
)


@register_dataset(ILIDS_VID)
def ilidsvid(root: str | Path | None = None, *, split_id: int = 0) -> Splits:
    """Read one of the ten splits of iLIDS-VID.

    A split is a permutation of the sorted list of people: the first half is for test, the second half for training.
    Camera 1 is the query, camera 2 the gallery. A score on a single split is not reliable: see `ten_splits`.

    Args:
        root: folder that holds ``i-LIDS-VID`` and ``train-test people splits``, or its parent.
        split_id: 0 to 9.

    Raises:
        DatasetError: the split file or a folder is missing, the cameras hold different people, or a split is not a
            permutation of them.
        ConfigError: no such split.

    Reference:
        Wang et al., "Person Re-Identification by Video Ranking", ECCV 2014.
    """
    folder = find_root(root, "ilidsvid", ["i-LIDS-VID", _SPLITS], ["iLIDS-VID", "ilids-vid", "ilidsvid"])
    cameras = [folder / "i-LIDS-VID" / "sequences" / name for name in ("cam1", "cam2")]
    people, others = (list_folders(camera) for camera in cameras)
    if people != others:
        odd = sorted(set(people) ^ set(others))
        raise DatasetError(f"ilidsvid: {len(odd)} people are in one camera only, the first is {odd[0]}")
    order = read_whole_numbers(folder / _SPLITS, "ls_set", "ilidsvid") - 1
    half = len(people) // 2
    splits = []
    for number, row in enumerate(order.tolist()):
        if sorted(row) != list(range(len(people))):
            raise DatasetError(
                f"ilidsvid: split {number} of {folder / _SPLITS} is not a permutation of the {len(people)} people "
                f"in {cameras[0]}; a folder is missing or the file belongs to another copy"
            )
        test, train = sorted(row[:half]), sorted(row[half:])
        splits.append(([people[place] for place in train], [people[place] for place in test]))
    return two_camera_splits(cameras, splits, split_id, dataset="ilidsvid", licence=ILIDS_VID.licence)
