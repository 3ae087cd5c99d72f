import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.datasets.dataset_imitations import MARS_TEST, MARS_TRAIN, mars_tables, savemat, write_mars
from videoreid.data.datasets import build_dataset
from videoreid.data.datasets.mars import MARS, mars
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Tracklet


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_mars(tmp_path)
    return tmp_path


def counts(tracklets: tuple[Tracklet, ...]) -> tuple[int, int, int]:
    return len({t.pid for t in tracklets}), len(tracklets), sum(map(len, tracklets))


def test_frames_follow_the_tables(root: Path) -> None:
    splits = mars(root)
    first = splits.train[0]
    folder = root / "bbox_train" / "0003"
    assert list(map(Path, first.frames)) == [folder / f"0003C1T0001F00{n}.jpg" for n in (1, 2, 3, 4)]
    assert [(t.pid, t.camid, len(t)) for t in splits.train] == [
        (0, 0, 4),
        (0, 1, 3),
        (0, 5, 2),
        (1, 0, 5),
        (1, 2, 2),
    ]
    assert [(t.pid, t.camid, len(t)) for t in splits.query] == [(2, 0, 3), (5, 1, 4), (9, 4, 2)]
    assert [(t.pid, t.camid, len(t)) for t in splits.gallery] == [
        (0, 1, 3),
        (2, 0, 2),
        (2, 3, 5),
        (5, 2, 2),
        (9, 5, 3),
    ]
    assert all(
        Path(path).is_file() for part in (splits.train, splits.gallery) for t in part for path in t.frames
    )


def test_junk_has_its_own_folder_name(root: Path) -> None:
    assert (root / "bbox_test" / "00-1").is_dir()
    assert all(t.pid != -1 for t in mars(root).gallery)


def test_times_are_unknown_unless_asked_for(root: Path) -> None:
    assert all(math.isnan(t.time) and math.isnan(t.end_time) for t in mars(root).train)
    numbered = mars(root, times="tracklet_number")
    assert [t.time for t in numbered.train] == [1, 2, 3, 4, 5]
    with pytest.raises(ConfigError, match="tracklet_number"):
        mars(root, times="frame")  # type: ignore[arg-type]


def test_a_side_file_gives_times(root: Path) -> None:
    (root / "info" / "tracks_time.csv").write_text(
        "split,row,start,end\ntrain,0,100,103\ntest,2,7.5,9.5\ntest,0,1,2\n"
    )
    splits = mars(root)
    assert (splits.train[0].time, splits.train[0].end_time) == (100, 103)
    assert math.isnan(splits.train[1].time)
    assert (splits.query[0].time, splits.query[0].end_time) == (7.5, 9.5)


@pytest.mark.parametrize(
    "text",
    [
        "split,row,start\ntrain,0,1\n",
        "split,row,start,end\ntrain,0,one,2\n",
        "split,row,start,end\ntrain,99,1,2\n",
    ],
)
def test_a_bad_side_file_is_refused(root: Path, text: str) -> None:
    (root / "info" / "tracks_time.csv").write_text(text)
    with pytest.raises(DatasetError, match=r"tracks_time\.csv"):
        mars(root)


def test_a_missing_variable_is_named(root: Path) -> None:
    savemat(root / "info" / "tracks_train_info.mat", something=np.zeros((3, 4)))
    with pytest.raises(DatasetError, match=r"no variable 'track_train_info'; it holds something"):
        mars(root)


def test_a_short_name_list_is_refused(root: Path) -> None:
    path = root / "info" / "train_name.txt"
    path.write_text("\n".join(path.read_text().split()[:-1]))
    with pytest.raises(DatasetError, match=r"ends at name 16 but the name list has 15 lines"):
        mars(root)


def test_an_empty_tracklet_is_refused(root: Path) -> None:
    _, table = mars_tables(MARS_TEST)
    table[4, 1] = table[4, 0] - 1
    savemat(root / "info" / "tracks_test_info.mat", track_test_info=table)
    with pytest.raises(DatasetError, match=r"row 5 .* empty tracklet"):
        mars(root)


@pytest.mark.parametrize("camera", [0, 7])
def test_a_camera_out_of_range_is_refused(root: Path, camera: int) -> None:
    _, table = mars_tables(MARS_TEST)
    table[1, 3] = camera
    savemat(root / "info" / "tracks_test_info.mat", track_test_info=table)
    with pytest.raises(DatasetError, match=r"row 2 .* camera out of range"):
        mars(root)


@pytest.mark.parametrize(("column", "value"), [(2, 8), (3, 5)])
def test_a_table_that_contradicts_the_names_is_refused(root: Path, column: int, value: int) -> None:
    _, table = mars_tables(MARS_TEST)
    table[4, column] = value
    savemat(root / "info" / "tracks_test_info.mat", track_test_info=table)
    with pytest.raises(DatasetError, match=r"row 5 .* line 11 of the name list is 0002C4T0005F001"):
        mars(root)


def test_unsorted_frames_are_refused(root: Path) -> None:
    path = root / "info" / "train_name.txt"
    names = path.read_text().split()
    names[1], names[2] = names[2], names[1]
    path.write_text("\n".join(names))
    with pytest.raises(
        DatasetError, match=r"unsorted frames: 0003C1T0001F002.jpg follows 0003C1T0001F003.jpg"
    ):
        mars(root)


@pytest.mark.parametrize("name", ["../0003C1T0001F001.jpg", "/003C1T0001F001.jpg", "0003C1\\..\\F001.jpg"])
def test_a_name_that_leaves_the_root_is_refused(root: Path, name: str) -> None:
    path = root / "info" / "train_name.txt"
    path.write_text("\n".join([name, *path.read_text().split()[1:]]))
    with pytest.raises(DatasetError, match=r"line 1: .* leaves the root"):
        mars(root)


@pytest.mark.parametrize("rows", [[[0, 3]], [[3, 10]], [[3, 3]], np.empty((1, 0))])
def test_bad_query_rows_are_refused(root: Path, rows: list[list[int]]) -> None:
    savemat(root / "info" / "query_IDX.mat", query_IDX=np.array(rows, np.float64))
    with pytest.raises(DatasetError, match=r"different rows in 1\.\.9"):
        mars(root)


def test_a_table_of_another_shape_is_refused(root: Path) -> None:
    savemat(root / "info" / "tracks_train_info.mat", track_train_info=np.ones((5, 3)))
    with pytest.raises(DatasetError, match=r"shape \(5, 3\); expected \(N, 4\)"):
        mars(root)


@pytest.mark.parametrize("file", ["train_name.txt", "tracks_test_info.mat", "query_IDX.mat"])
def test_a_missing_file_is_named(root: Path, file: str) -> None:
    (root / "info" / file).unlink()
    with pytest.raises(DatasetError, match=f"missing file .*{file}; found .*videoreid data layout mars"):
        mars(root)


@pytest.mark.parametrize("change", [lambda text: text.rstrip("\n"), lambda text: text.replace("\n", "\r\n")])
def test_line_ends_do_not_matter(root: Path, change: Callable[[str], str]) -> None:
    before = mars(root)
    path = root / "info" / "train_name.txt"
    path.write_bytes(change(path.read_text()).encode())
    assert [list(t.frames) for t in mars(root).train] == [list(t.frames) for t in before.train]


def test_names_may_differ_in_length(root: Path) -> None:
    path = root / "info" / "train_name.txt"
    path.write_text(path.read_text().replace("0003C1T0001F004.jpg", "0003C1T0001F0040.jpeg"))
    assert mars(root).train[0].frames[-1].endswith("/0003C1T0001F0040.jpeg")


def test_an_empty_name_list_is_refused(root: Path) -> None:
    (root / "info" / "train_name.txt").write_text("\n")
    with pytest.raises(DatasetError, match="is empty"):
        mars(root)


def test_missing_images_are_found_when_asked_for(root: Path) -> None:
    (root / "bbox_test" / "0002" / "0002C4T0005F003.jpg").unlink()
    assert len(mars(root).gallery) == 5
    with pytest.raises(DatasetError, match=r"1 of 5 frames .* first is .*0002C4T0005F003.jpg"):
        mars(root, check_files=True)


def test_the_published_counts_come_out(mars_metadata: Path) -> None:
    splits = build_dataset("mars", mars_metadata)
    for split, expected in MARS.counts.items():
        assert counts(getattr(splits, split)) == (expected.ids, expected.tracklets, expected.images)
    assert counts(splits.train) == (625, 8298, 509914)
    assert counts(splits.query) == (626, 1980, 114493)
    assert counts(splits.gallery)[1:] == (9330, 543216)
    assert sum(t.pid == 0 for t in splits.gallery) == 3248
    assert len(splits.query) + len(splits.gallery) + 870 == 12180
    assert [sum(t.camid == c for t in splits.query) for c in range(6)] == [524, 456, 319, 191, 384, 106]
    assert [sum(t.camid == c for t in splits.train) for c in range(6)] == [1816, 1957, 1321, 750, 1880, 574]
    assert (min(map(len, splits.train)), max(map(len, splits.train))) == (5, 900)
    assert {t.pid for t in splits.train} == set(range(625))


def test_loading_is_quick_and_small(mars_metadata: Path) -> None:
    # in a process of its own: the peak of this one may be older than the test
    code = f"""
import resource, time
from videoreid.data.datasets import build_dataset
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
splits = build_dataset("mars", {str(mars_metadata)!r})
seconds = time.perf_counter() - start
print(seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    if sys.platform != "linux":
        pytest.skip("the peak of a process is counted in other units here")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, mebibytes = map(float, done.stdout.split())
    assert seconds < 10  # two seconds on an idle machine; others may be at work on this one
    assert mebibytes < 200  # beyond what the imports take


def test_a_pickled_tracklet_carries_only_its_own_names(mars_metadata: Path) -> None:
    tracklet = build_dataset("mars", mars_metadata).train[0]
    assert len(pickle.dumps(tracklet)) < 2000
    assert pickle.loads(pickle.dumps(tracklet)).frames == tracklet.frames


@pytest.mark.parametrize("value", [0.5, math.nan, math.inf])
@pytest.mark.parametrize("variable", ["tracks_train_info", "query_IDX"])
def test_a_fraction_in_a_table_is_refused(root: Path, variable: str, value: float) -> None:
    _, table = mars_tables(MARS_TRAIN)
    changed = {"tracks_train_info": table, "query_IDX": np.array([[4, 7, 9]])}[variable].astype(np.float64)
    changed[0, 2] = value
    name = {"tracks_train_info": "track_train_info"}.get(variable, variable)
    savemat(root / "info" / f"{variable}.mat", **{name: changed})
    with pytest.raises(DatasetError, match=f"{name} in .* holds {value}, number 3 of"):
        mars(root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "line 3: '' (0 letters) is not a file name"),
        (b"0003C1T0001F003.jpg 0003C1T0001F004.jpg", "line 3: .* is not a file name"),
        (b"x" * 5000, "line 3: 'x+' (5000 letters) is not a file name"),
    ],
)
def test_a_line_that_is_no_name_is_refused_and_shifts_nothing(root: Path, line: bytes, message: str) -> None:
    path = root / "info" / "train_name.txt"
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]) + b"\n")
    with pytest.raises(DatasetError, match=message.replace("(", r"\(").replace(")", r"\)")):
        mars(root)


def test_a_name_in_another_encoding_is_shown_and_refused(root: Path) -> None:
    path = root / "info" / "train_name.txt"
    path.write_bytes(path.read_bytes().replace(b"0003C1T0001F002", b"\xff\xfe03C1T0001F002"))
    with pytest.raises(DatasetError, match="line 2 of the name list is \ufffd\ufffd03C1T0001F002"):
        mars(root)


def test_a_side_file_may_have_a_byte_order_mark_and_semicolons(root: Path) -> None:
    (root / "info" / "tracks_time.csv").write_text("\ufeffsplit;row;start;end\r\ntrain;1;3,5;9\r\n")
    assert [t.time for t in mars(root).train][1] == 3.5
