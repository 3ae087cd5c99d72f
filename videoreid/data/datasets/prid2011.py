"""PRID 2011, multi-shot: 178 people in two street cameras, ten splits."""

import json
from pathlib import Path

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import Counts, DatasetInfo
from videoreid.data.datasets.reading.files import find_root, read_lines
from videoreid.data.datasets.reading.two_cameras import two_camera_splits
from videoreid.errors import DatasetError
from videoreid.types import Splits

__all__ = ["PRID2011", "prid2011", "read_prid2011_splits"]

_SPLITS = "splits_prid2011.json"

PRID2011 = DatasetInfo(
    name="prid2011",
    title="PRID 2011 (multi-shot)",
    citation="Hirzer, Beleznai, Roth and Bischof, "
    '"Person Re-Identification by Descriptive and Discriminative Classification", SCIA 2011',
    provenance="The page of the Institute of Computer Graphics and Vision, TU Graz, offers the images. The ten splits "
    "in common use (splits_prid2011.json) keep the 178 people with enough frames in both cameras.",
    licence="research only; the authors ask to be cited",
    layout="""\
prid2011/
  splits_prid2011.json                                    ten splits, {"train": [folder names], "test": [...]}
  prid_2011/multi_shot/cam_a/person_0001/0001.png         (multi_shot may also lie beside the split file)
  prid_2011/multi_shot/cam_b/person_0001/0001.png
""",
    counts={
        "train": Counts(ids=89, tracklets=178),
        "query": Counts(ids=89, tracklets=89),
        "gallery": Counts(ids=89, tracklets=89),
    },
    num_cameras=2,
    image_size=(128, 64),
)


@register_dataset(PRID2011)
def prid2011(root: str | Path | None = None, *, split_id: int = 0) -> Splits:
    """Read one of the ten splits of PRID 2011.

    Camera a is the query, camera b the gallery. Frames are in the natural order of their names. A score on a single
    split is not reliable: see `ten_splits`.

    Args:
        root: folder that holds ``splits_prid2011.json`` and the images, or its parent.
        split_id: 0 to 9.

    Raises:
        DatasetError: the split file or a person's folder is missing.
        ConfigError: no such split.

    Reference:
        Hirzer et al., "Person Re-Identification by Descriptive and Discriminative Classification", SCIA 2011.
    """
    folder = find_root(root, "prid2011", [_SPLITS], ["prid2011", "prid_2011", "prid_2011/prid_2011"])
    places = [folder / "prid_2011" / "multi_shot", folder / "multi_shot"]
    multi_shot = next((place for place in places if place.is_dir()), None)
    if multi_shot is None:
        raise DatasetError(
            f"prid2011: neither {places[0]} nor {places[1]} exists; unpack the multi-shot images there"
        )
    return two_camera_splits(
        [multi_shot / "cam_a", multi_shot / "cam_b"],
        read_prid2011_splits(folder / _SPLITS),
        split_id,
        dataset="prid2011",
        licence=PRID2011.licence,
    )


def read_prid2011_splits(path: Path) -> list[tuple[list[str], list[str]]]:
    """Return (train, test) folder names of every split in a split file.

    Raises:
        DatasetError: the file is missing, is not JSON, or not a list of such splits.
    """
    text = "\n".join(read_lines(path, "prid2011"))
    try:
        return [
            ([str(name) for name in split["train"]], [str(name) for name in split["test"]])
            for split in json.loads(text)
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            f'prid2011: {path} is not a list of {{"train": [...], "test": [...]}}: {error!r}'
        ) from None
