from pathlib import Path

import numpy as np
import pytest

from tests.data.datasets.dataset_imitations import savemat, write_mars, write_xmars
from videoreid.data.datasets.mars import mars
from videoreid.data.datasets.xmars import xmars
from videoreid.errors import DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_xmars(tmp_path)
    return tmp_path


def test_people_change_sides_and_images_stay(root: Path) -> None:
    splits = xmars(root, check_files=True)
    places = {(t.pid, Path(t.frames[0]).parts[-3]) for t in splits.train}
    assert places == {(0, "bbox_train"), (1, "bbox_test")}  # people 3 and 5
    assert [(t.pid, t.camid, len(t)) for t in splits.query] == [(2, 0, 3), (7, 0, 5), (9, 4, 2)]
    seven = next(t for t in splits.gallery if t.pid == 7)
    assert [Path(path).name for path in seven.frames] == ["0007C3T0005F001.jpg", "0007C3T0005F002.jpg"]
    assert Path(seven.frames[0]).parent == root / "bbox_train" / "0007"


def test_the_tables_may_lie_anywhere(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("x") / "info"
    (root / "info_xmars").rename(other)
    for path in (root / "info").glob("*.mat"):
        path.unlink()
    with pytest.raises(DatasetError, match=r"no tracks_train_info.mat in info_xmars or x-mars/info"):
        xmars(root)
    assert len(xmars(root, info=other).train) == 5
    assert len(xmars(root, info=other.parent).train) == 5


def test_the_tables_and_even_the_lists_may_replace_those_of_mars(root: Path) -> None:
    before = xmars(root)
    for path in (root / "info_xmars").iterdir():
        path.replace(root / "info" / path.name)
    for part in ("train", "query", "gallery"):
        assert getattr(xmars(root), part) == getattr(before, part)
    # lists as the author's script writes them: the images still lie where MARS has them
    names = [n for s in ("train", "test") for n in (root / "info" / f"{s}_name.txt").read_text().split()]
    for split in ("train", "test"):
        mine = [name for name in names if (name[:4] in ("0003", "0005")) == (split == "train")]
        (root / "info" / f"{split}_name.txt").write_text("\n".join(sorted(mine)) + "\n")
    again = xmars(root, check_files=True)
    assert [list(t.frames) for t in again.train] == [list(t.frames) for t in before.train]
    assert [list(t.frames) for t in again.gallery] == [list(t.frames) for t in before.gallery]


def test_the_tables_of_mars_are_not_taken_for_those_of_x_mars(mars_metadata: Path) -> None:
    with pytest.raises(DatasetError, match=r"info holds none or that of MARS; put the three .mat files"):
        xmars(mars_metadata)


def test_tables_of_another_dataset_are_refused(root: Path) -> None:
    write_mars(root)
    for name in ("tracks_train_info.mat", "tracks_test_info.mat"):
        (root / "info_xmars" / name).write_bytes((root / "info" / name).read_bytes())
    savemat(root / "info_xmars" / "tracks_train_info.mat", track_train_info=np.array([[1, 4, 3, 1]]))
    with pytest.raises(DatasetError, match=r"ends at name 4, but MARS has 9 images of its people"):
        xmars(root)


def test_a_foreign_name_list_is_refused(root: Path) -> None:
    path = root / "info" / "train_name.txt"
    path.write_text(path.read_text().replace("0003", "abcd"))
    with pytest.raises(DatasetError, match="begins with 'abcd'; expected four digits"):
        xmars(root)


def test_missing_images_are_found_when_asked_for(root: Path) -> None:
    (root / "bbox_train" / "0007" / "0007C3T0005F001.jpg").unlink()
    with pytest.raises(DatasetError, match="xmars: 1 of 2 frames"):
        xmars(root, check_files=True)


def test_a_resplit_of_the_published_lists(mars_metadata: Path, tmp_path: Path) -> None:
    """Split the real people anew (even against odd numbers), write tables as X-MARS counts, and read them."""
    names = [
        name
        for split in ("train", "test")
        for name in (mars_metadata / "info" / f"{split}_name.txt").read_text().split()
    ]
    parts: dict[str, list[str]] = {"train": [], "test": []}
    for name in names:
        pid = -1 if name[:4] == "00-1" else int(name[:4])
        parts["train" if pid > 0 and pid % 2 == 0 else "test"].append(name)
    starts: dict[str, list[int]] = {}
    for split, chosen in parts.items():
        chosen.sort(key=lambda name: (-1 if name[:4] == "00-1" else int(name[:4]), name))
        keys = [name[:11] for name in chosen]
        first = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1])]
        ends = [*first[1:], len(keys)]
        rows = [
            (a + 1, b, -1 if keys[a][:4] == "00-1" else int(keys[a][:4]), int(keys[a][5]))
            for a, b in zip(first, ends, strict=True)
        ]
        starts[split] = first
        savemat(tmp_path / f"tracks_{split}_info.mat", **{f"track_{split}_info": np.array(rows, np.int32)})
    savemat(tmp_path / "query_IDX.mat", query_IDX=np.array([[len(starts["test"])]], np.float64))
    splits = xmars(mars_metadata, info=tmp_path)
    assert sum(map(len, splits.train)) == len(parts["train"])
    assert [Path(path).name for t in splits.train for path in t.frames] == parts["train"]
    assert sum(map(len, splits.gallery)) + len(splits.query[0]) == len(parts["test"]) - 23_380  # junk
    own = {Path(t.frames[0]).parts[-3:] for t in (*mars(mars_metadata).train, *mars(mars_metadata).gallery)}
    kept = [Path(t.frames[0]).parts[-3:] for t in splits.gallery]
    assert sum(place in own for place in kept) > 5000  # the images lie where MARS has them
