"""Your own data: a tree of folders or one CSV."""

from pathlib import Path

from videoreid.data.datasets.base import register_dataset
from videoreid.data.datasets.info import DatasetInfo
from videoreid.data.datasets.reading.files import find_root, list_folders
from videoreid.data.datasets.reading.folder_csv import read_frame_table
from videoreid.data.datasets.reading.folder_tree import read_trees
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.split_maker import make_splits
from videoreid.data.datasets.remarks import note_left_out, remark
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Splits, Tracklet
from videoreid.utils.printing import count_of

__all__ = ["FOLDER", "folder"]

_SPLITS = ("train", "query", "gallery")

FOLDER = DatasetInfo(
    name="folder",
    title="your own data",
    citation="none",
    provenance="You. Film only people who may be filmed, and keep only what you may keep.",
    licence="your own data",
    layout="""\
root/
  train/<person>/<camera>/<tracklet>/frame.jpg      <person>/<tracklet>/frame.jpg with cameras=False
  query/...
  gallery/...
or root/frames.csv with the columns
  path, pid, tracklet, camid        camid counts from 0; absent with cameras=False
  time, split                       optional: seconds or frame number; train, query or gallery
""",
)


@register_dataset(FOLDER)
def folder(
    root: str | Path | None = None,
    *,
    csv: str | Path | None = None,
    cameras: bool = True,
    test_share: float | None = None,
    seed: int = 0,
    check_files: bool = True,
) -> Splits:
    """Read your own data: a tree of folders, or a CSV for any other layout.

    For data without cameras pass ``cameras=False``: camid is -1 and protocol "no_cameras" counts every match, while an
    invented camera would silently remove some. ``test_share`` makes splits for data without them (see `make_splits`).

    Args:
        root: folder of the splits, or of people when ``test_share`` is given; a ``.csv`` file is taken as ``csv``.
        csv: a table of frames; its paths are relative to ``root``, or to its own folder if ``root`` is None. None means
            the only CSV in ``root``, if there are no folders of splits.
        cameras: whether there are camera numbers.
        test_share: make splits: share of people to search, between 0 and 1.
        seed: seed of these splits.
        check_files: check that the frames of a CSV exist.

    Raises:
        DatasetError: a folder, column or file is missing or wrong; the message says where.
        ConfigError: ``test_share`` is given, but the data already have splits.
    """
    base, table = _find_table(root, csv)
    if table is not None:
        parts = read_frame_table(table, base, cameras=cameras, check_files=check_files)
    else:
        there = {split: base / split for split in _SPLITS if (base / split).is_dir()}
        parts = read_trees(there or {"": base}, cameras=cameras) if there or test_share is not None else {}
    if test_share is not None:
        if set(parts) != {""}:
            raise ConfigError(
                f"folder: {base} has splits ({', '.join(sorted(parts))}) and test_share would make others"
            )
        return make_splits(
            parts[""], test_share=test_share, seed=seed, name=f"folder/{base.resolve().name}/seed{seed}"
        )
    return _splits(base, parts, cameras=cameras)


def _find_table(root: str | Path | None, csv: str | Path | None) -> tuple[Path, Path | None]:
    """Return the folder that paths are relative to, and the CSV, if there is one."""
    if csv is None and root is not None and Path(root).suffix.lower() == ".csv" and Path(root).is_file():
        return Path(root).parent, Path(root)
    if csv is not None:
        base = Path(csv).parent if root is None else find_root(root, "folder", [])
        return base, Path(csv) if Path(csv).is_file() else base / csv
    base = find_root(root, "folder", [])
    tables = sorted(base.glob("*.csv"))
    if any((base / split).is_dir() for split in _SPLITS) or not tables:
        return base, None
    if len(tables) > 1:
        names = ", ".join(table.name for table in tables)
        raise DatasetError(f"folder: {base} holds several tables ({names}); name one as csv")
    return base, tables[0]


def _splits(base: Path, parts: dict[str, list[Tracklet]], *, cameras: bool) -> Splits:
    if not parts or "" in parts:
        where = "no folder train, query or gallery" if not parts else "rows without a split"
        raise DatasetError(f"folder: {where} in {base}; give the splits, or make them with test_share=0.5")
    if ("query" in parts) != ("gallery" in parts):
        have, lack = ("query", "gallery") if "query" in parts else ("gallery", "query")
        raise DatasetError(f"folder: {base} has a {have} and no {lack}; a search needs both")
    _say_what_is_odd(base, parts)
    return Splits(
        name=f"folder/{base.resolve().name}",
        train=relabel_pids(tracklet for tracklet in parts.get("train", ()) if tracklet.pid != -1),
        query=tuple(tracklet for tracklet in parts.get("query", ()) if tracklet.pid != -1),
        gallery=tuple(tracklet for tracklet in parts.get("gallery", ()) if tracklet.pid != -1),
        protocol="cross_camera" if cameras else "no_cameras",
        licence=FOLDER.licence,
    )


def _say_what_is_odd(base: Path, parts: dict[str, list[Tracklet]]) -> None:
    trained = {tracklet.pid for tracklet in parts.get("train", ())} - {-1, 0}
    searched = {tracklet.pid for part in ("query", "gallery") for tracklet in parts.get(part, ())}
    both = sorted(trained & searched)
    if both:
        listed = ", ".join(map(str, both[:4])) + (" ..." if len(both) > 4 else "")
        remark(
            "folder", f"{len(both):,} people are in training and in test: {listed}; scores will be too high"
        )
    junk = sum(tracklet.pid == -1 for part in parts.values() for tracklet in part)
    if junk:
        remark("folder", f"left out: {count_of(junk, 'junk tracklet')} (person -1)")
    for name in list_folders(base) if (base / "train").is_dir() or (base / "query").is_dir() else ():
        if name not in _SPLITS:
            note_left_out("folders are left out, as they are not train, query or gallery", str(base / name))
