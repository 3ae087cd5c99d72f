from pathlib import Path

import numpy as np
import pytest

from tests.data.datasets.dataset_imitations import LSVID_TEST, savemat, write_lsvid
from videoreid.data.datasets.lsvid import lsvid
from videoreid.errors import ConfigError, DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_lsvid(tmp_path)
    return tmp_path


def test_a_prefix_does_not_take_the_frames_of_a_longer_number(root: Path) -> None:
    first, second, _ = lsvid(root).train
    assert [path.rpartition("/")[2] for path in first.frames] == ["1_0000_3_100.jpg", "1_0000_3_101.jpg"]
    assert len(second) == 3
    assert (first.camid, second.camid) == (2, 3)


def test_queries_leave_the_gallery(root: Path) -> None:
    splits = lsvid(root)
    assert [(t.pid, t.camid, len(t)) for t in splits.query] == [(0, 0, 2), (1, 6, 2)]
    assert [(t.pid, t.camid, len(t)) for t in splits.gallery] == [(0, 1, 3), (1, 14, 2), (2, 8, 1)]
    assert list(splits.query[0].frames) == [f"{root}/tracklet_test/0000/1_0000_1_10{n}.jpg" for n in (0, 1)]


def test_validation_is_read_from_its_classic_mat_file(root: Path) -> None:
    val = lsvid(root, split="val")
    assert val.name == "lsvid/val"
    assert [(t.pid, t.camid, len(t)) for t in val.query] == [(0, 0, 2), (1, 6, 2)]
    assert "tracklet_val" in val.gallery[0].frames[0]
    with pytest.raises(ConfigError, match="'test' or 'val'"):
        lsvid(root, split="train")  # type: ignore[arg-type]


def write_sequences(root: Path) -> Path:
    """Replace the list of frames by a list of sequences, as some copies have it."""
    (root / "list_frame" / "list_lvreid_test.txt").unlink()
    path = root / "list_sequence" / "list_seq_test.txt"
    rows = [f"tracklet_test/{pid:04d}/{tracklet}_ {pid}" for pid, tracklet, _, _ in LSVID_TEST]
    path.write_text("\n".join(rows))
    return path


def test_sequences_stand_in_for_the_list_of_frames(root: Path) -> None:
    before = lsvid(root)
    write_sequences(root)
    assert lsvid(root).query == before.query
    assert lsvid(root).gallery == before.gallery


def test_sequences_that_contradict_the_table_are_refused(root: Path) -> None:
    path = write_sequences(root)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))
    with pytest.raises(DatasetError, match=r"has 4 lines and the table 5 rows"):
        lsvid(root)
    path.write_text("\n".join([lines[1], lines[0], *lines[2:]]))
    with pytest.raises(
        DatasetError, match=r"line 1 gives 3 frames of person 0 in camera 2; the table says 2 of"
    ):
        lsvid(root)


def test_a_missing_variable_is_named(root: Path) -> None:
    import h5py

    path = root / "test" / "data" / "info_test.mat"
    with h5py.File(path, "a") as file:
        del file["query"]
    with pytest.raises(DatasetError, match=r"no variable 'query'; it holds info_test"):
        lsvid(root)


def test_a_short_frame_list_is_refused(root: Path) -> None:
    path = root / "list_frame" / "list_lvreid_test.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(DatasetError, match=r"row 5 .* frames 10 to 10 .* outside the 9 lines"):
        lsvid(root)


@pytest.mark.parametrize("name", ["list_frame/list_lvreid_test.txt", "test/data/info_test.mat"])
def test_a_missing_list_is_named(root: Path, name: str) -> None:
    (root / name).unlink()
    with pytest.raises(DatasetError, match=f"missing file .*{Path(name).name}"):
        lsvid(root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tracklet_train/0000/1", "is not '<path prefix> <id>'"),
        ("tracklet_train/0000/1 x", "is not '<path prefix> <id>'"),
        ("../tracklet_train/0000/1 0", "leaves the root"),
        ("tracklet_train/0000/7 0", "no image in .*0000 begins with '7'"),
        ("tracklet_train/0009/1 0", "cannot list .*0009"),
    ],
)
def test_a_bad_line_of_the_training_list_is_named(root: Path, line: str, message: str) -> None:
    (root / "list_sequence" / "list_seq_train.txt").write_text(line + "\n")
    with pytest.raises(DatasetError, match=message):
        lsvid(root)


def test_a_camera_out_of_range_is_refused(root: Path) -> None:
    path = root / "tracklet_train" / "0001"
    for image in sorted(path.iterdir()):
        image.rename(path / image.name.replace("_15_", "_16_"))
    with pytest.raises(DatasetError, match=r"line 3: camera 16 is out of range; expected 1 to 15"):
        lsvid(root)


def test_a_name_without_a_camera_is_refused(root: Path) -> None:
    path = root / "tracklet_train" / "0001"
    for number, image in enumerate(sorted(path.iterdir())):
        image.rename(path / f"2_{number}.jpg")
    with pytest.raises(DatasetError, match="expected it as the third '_' token"):
        lsvid(root)


@pytest.mark.parametrize(
    ("table", "query", "message"),
    [
        (np.ones((2, 3)), [1], r"shape \(2, 3\)"),
        ([[1, 2, 0, 1]], [2], r"different rows in 1\.\.1"),
        ([[2, 1, 0, 1]], [1], "frames 2 to 1 are empty"),
        ([[1, 2, 0, 99]], [1], "camera 99 is out of range"),
        ([[1, 6, 0, 1]], [1], "lie in 2 folders"),
    ],
)
def test_a_bad_table_is_refused(root: Path, table: object, query: list[int], message: str) -> None:
    savemat(
        root / "test" / "data" / "info_val.mat",
        info_val=np.array(table, np.float64),
        query=np.array([query], np.float64),
    )
    with pytest.raises(DatasetError, match=message):
        lsvid(root, split="val")


def test_unsorted_frames_are_refused(root: Path) -> None:
    path = root / "list_frame" / "list_lvreid_test.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[1], lines[0], *lines[2:]]))
    with pytest.raises(DatasetError, match=r"row 1 .* unsorted frames"):
        lsvid(root)
