import math
from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import picture, pictures, write_folder, write_prid2011
from videoreid.data.datasets import build_dataset, collect_remarks
from videoreid.data.datasets.folder import folder
from videoreid.errors import ConfigError, DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_folder(tmp_path)
    return tmp_path


def write_csv(root: Path, text: str, *, images: bool = True) -> Path:
    path = root / "frames.csv"
    path.write_text(text)
    if images:
        for line in text.splitlines()[1:]:
            picture(root / line.split(",")[0])
    return path


TABLE = """path,pid,camid,tracklet,time,split
a/10.jpg,5,0,1,3.5,train
a/9.jpg,5,0,1,2.5,train
a/11.jpg,5,1,1,,train
b/1.jpg,8,0,x,7,query
b/2.jpg,8,2,x,9,gallery
b/3.jpg,-1,2,x,9,gallery
"""


def names(frames: object) -> list[str]:
    return [path.rpartition("/")[2] for path in frames]  # type: ignore[attr-defined]


def test_a_tree_is_read_with_cameras_by_name(root: Path) -> None:
    splits = folder(root)
    assert [(t.pid, t.camid, names(t.frames)) for t in splits.train] == [
        (0, 0, ["8.jpg", "9.jpg"]),  # door before hall
        (0, 1, ["8.jpg", "9.jpg", "10.jpg"]),
        (1, 1, ["8.jpg", "9.jpg"]),
    ]
    assert [(t.pid, t.camid) for t in splits.query] == [(4, 1)]
    assert [(t.pid, t.camid) for t in splits.gallery] == [(4, 0), (7, 1)]  # junk is dropped
    assert splits.protocol == "cross_camera"


def test_people_may_have_names(tmp_path: Path) -> None:
    for split, person in (("train", "zoe"), ("query", "bob 2"), ("gallery", "bob 2"), ("gallery", "bob 10")):
        pictures(tmp_path / split / person / "cam" / "t", ["1.jpg"])
    splits = folder(tmp_path)
    assert [t.pid for t in splits.query] == [1]
    assert [t.pid for t in splits.gallery] == [1, 2]
    assert [t.pid for t in splits.train] == [0]


def test_no_cameras_is_a_mode_of_its_own(tmp_path: Path) -> None:
    for split in ("train", "query", "gallery"):
        pictures(tmp_path / split / "1" / "t1", ["1.jpg"])
    splits = folder(tmp_path, cameras=False)
    assert splits.protocol == "no_cameras"
    assert {t.camid for part in (splits.train, splits.query, splits.gallery) for t in part} == {-1}
    with pytest.raises(DatasetError, match=r"holds 1 images and no folders; .* pass cameras=False"):
        folder(tmp_path)


def test_a_tree_with_cameras_is_not_read_without(root: Path) -> None:
    with pytest.raises(DatasetError, match="pass cameras=True"):
        folder(root, cameras=False)


def test_two_folders_of_one_number_are_refused(root: Path) -> None:
    pictures(root / "train" / "03" / "hall" / "a", ["1.jpg"])
    with pytest.raises(DatasetError, match="people 03, 3 are the same number"):
        folder(root)


def test_an_empty_tracklet_is_refused(root: Path) -> None:
    (root / "query" / "4" / "hall" / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty holds no image"):
        folder(root)


def test_a_query_without_a_gallery_is_refused(root: Path) -> None:
    (root / "gallery").rename(root / "other")
    with pytest.raises(DatasetError, match="has a query and no gallery"):
        folder(root)


def test_training_data_alone_will_do(root: Path) -> None:
    for name in ("query", "gallery"):
        (root / name).rename(root / f"no_{name}")
    assert folder(root).query == ()
    assert len(folder(root).train) == 3


def test_splits_are_made_on_request(root: Path) -> None:
    people = root / "people"
    for split in ("train", "gallery"):
        (root / split).rename(root / f"old_{split}")
    (root / "query").rename(people)
    for person in "56789":
        for camera in ("hall", "door"):
            pictures(people / person / camera / "t", ["1.jpg"])
    with pytest.raises(DatasetError, match=r"no folder train, query or gallery in .* test_share=0.5"):
        folder(people)
    splits = folder(people, test_share=0.5, seed=3)
    assert splits.name == "folder/people/seed3"
    assert splits.num_train_pids == 3
    assert len(splits.query) + len(splits.gallery) in (5, 6)
    with pytest.raises(ConfigError, match="has splits"):
        pictures(root / "train" / "1" / "a" / "b", ["1.jpg"])
        folder(root, test_share=0.5)


def test_a_table_is_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path, TABLE)
    for splits in (folder(tmp_path), folder(tmp_path, csv="frames.csv"), folder(path), folder(csv=path)):
        first, second = splits.train
        assert list(first.frames) == [f"{tmp_path}/a/9.jpg", f"{tmp_path}/a/10.jpg"]  # by time
        assert (first.pid, first.camid, first.time, first.end_time) == (0, 0, 2.5, 3.5)
        assert math.isnan(second.time)
        assert [(t.pid, t.camid, t.time) for t in splits.query] == [(8, 0, 7)]
        assert [(t.pid, t.camid) for t in splits.gallery] == [(8, 2)]


def test_without_times_the_order_is_natural(tmp_path: Path) -> None:
    write_csv(tmp_path, "path,pid,tracklet,split\n" + "".join(f"{n}.jpg,1,a,train\n" for n in (10, 9, 100)))
    splits = folder(tmp_path, csv="frames.csv", cameras=False)
    assert names(splits.train[0].frames) == ["9.jpg", "10.jpg", "100.jpg"]
    assert splits.train[0].camid == -1
    assert splits.protocol == "no_cameras"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,pid,tracklet\n", "lacks the columns camid; it has path, pid, tracklet; pass cameras=False"),
        ("file,pid\n", "lacks the columns path, tracklet, camid"),
        ("", "is empty: it has no header"),
        ("path,pid,camid,tracklet,split\n", "has a header and no rows"),
        ("path,pid,camid,tracklet,split\na.jpg,1,0\n", "line 2: more or fewer fields than in the header"),
        (
            "path,pid,camid,tracklet,split\na.jpg,1,0,t,train,more\n",
            "line 2: more or fewer fields than in the header",
        ),
        (
            "path,pid,camid,tracklet,split\na.jpg,bob,0,t,train\n",
            "line 2: pid 'bob' is not a whole number from -1",
        ),
        (
            "path,pid,camid,tracklet,split\na.jpg,1,-1,t,train\n",
            "line 2: camid '-1' is not a whole number from 0",
        ),
        (
            "path,pid,camid,tracklet,split\na.jpg,1,0,t,test\n",
            "line 2: split 'test' is not train, query or gallery",
        ),
        ("path,pid,camid,tracklet,split\n../a.jpg,1,0,t,train\n", "line 2: path '../a.jpg' leaves the root"),
        (
            "path,pid,camid,tracklet,split\na.jpg,1,0,t,train\na.jpg,2,0,t,train\n",
            "line 3: a.jpg is listed on line 2",
        ),
        (
            "path,pid,camid,tracklet,time,split\na.jpg,1,0,t,noon,train\n",
            "line 2: time 'noon' is not a number",
        ),
        ("path,pid,camid,tracklet,time,split\na.jpg,1,0,t,inf,train\n", "line 2: time 'inf' is not a number"),
        (
            "path,pid,camid,tracklet,time,split\na.jpg,1,0,t,1,train\nb.jpg,1,0,t,,train\n",
            "line 3: no time, but other frames",
        ),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "frames.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        folder(tmp_path, csv=path, check_files=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"path,pid,camid,tracklet\n\xff\xfe,1,0,t\n",
            "line 2: byte 0xff is not UTF-8; save the file as UTF-8",
        ),
        ("path,pid,camid,tracklet\na.jpg,1,0,é\n".encode("latin-1"), "line 2: byte 0xe9 is not UTF-8"),
        (b"\xff\xfe\x00p\x00", "line 1: byte .* is not UTF-16"),
        (b"path,pid,camid,tracklet\na\0.jpg,1,0,t\n", "line 2: a zero byte"),
    ],
)
def test_a_table_in_another_encoding_is_refused_by_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "frames.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        folder(tmp_path, csv="frames.csv")


ROWS = [line.split(",") for line in TABLE.splitlines()]
DRESSES = {
    "byte order mark": TABLE.encode("utf-8-sig"),
    "utf-16": TABLE.encode("utf-16"),
    "CRLF": TABLE.replace("\n", "\r\n").encode(),
    "CR": TABLE.replace("\n", "\r").encode(),
    "semicolons and decimal commas": "".join(
        ";".join(row).replace(".5", ",5") + "\n" for row in ROWS
    ).encode(),
    "tabs": "".join("\t".join(row) + "\n" for row in ROWS).encode(),
    "comments and blank lines": ("# ours\n\n" + TABLE.replace("b/1", "\n# here\n\nb/1") + "\n\n").encode(),
    "spaces and capitals": TABLE.replace(",", " , ").replace("path , pid", "Path , PID").encode(),
    "quotes": "".join(",".join(f'"{field}"' for field in row) + "\n" for row in ROWS).encode(),
    "no last line end": TABLE.rstrip().encode(),
    "dots before paths": TABLE.replace("a/10.jpg", "./a//10.jpg").encode(),
    "Windows paths": TABLE.replace("a/", "a\\").encode(),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_how_a_table_is_written_does_not_matter(tmp_path: Path, dress: str) -> None:
    expected = folder(write_csv(tmp_path, TABLE))
    (tmp_path / "frames.csv").write_bytes(DRESSES[dress])
    assert folder(tmp_path) == expected


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.jpg,1_0,0,t,train", "pid '1_0' is not a whole number"),
        ("a.jpg,1,²,t,train", "camid '²' is not a whole number"),
        ("a.jpg,99999999999999999999,0,t,train", "pid '9+' is not a whole number"),
        ("a.jpg,1,,t,train", "camid '' is not a whole number"),
        ("./a.jpg,1,0,t,train\na.jpg,1,0,t,train", "line 6: a.jpg is listed on line 5 already"),
    ],
)
def test_a_field_that_python_alone_would_take_is_refused_by_its_line(
    tmp_path: Path, row: str, message: str
) -> None:
    text = "# a comment moves no line number\n\npath,pid,camid,tracklet,split\n\n" + row + "\n"
    (tmp_path / "frames.csv").write_text(text)
    with pytest.raises(DatasetError, match=rf"frames\.csv, (line 5: )?.*{message}"):
        folder(tmp_path, check_files=False)


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "frames.csv").write_text("path,pid,PID,camid,tracklet\na.jpg,1,2,0,t\n")
    with pytest.raises(DatasetError, match="two columns 'pid'"):
        folder(tmp_path, check_files=False)


def test_a_missing_frame_is_named_with_its_line(tmp_path: Path) -> None:
    write_csv(tmp_path, TABLE)
    (tmp_path / "b" / "1.jpg").unlink()
    with pytest.raises(DatasetError, match=r"line 5: missing frame .*1\.jpg"):
        folder(tmp_path, csv="frames.csv")
    assert folder(tmp_path, csv="frames.csv", check_files=False).query


def test_one_table_of_several_must_be_named(tmp_path: Path) -> None:
    write_csv(tmp_path, TABLE)
    (tmp_path / "other.csv").touch()
    with pytest.raises(DatasetError, match=r"several tables \(frames.csv, other.csv\); name one as csv"):
        folder(tmp_path)
    assert folder(tmp_path, csv="frames.csv").query


def test_people_may_be_counted_from_0_in_training(tmp_path: Path) -> None:
    for person in ("0", "1", "-1"):
        pictures(tmp_path / "train" / person / "a" / "t", ["1.jpg"])
    assert folder(tmp_path).num_train_pids == 2


def test_the_name_is_that_of_the_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert folder(".").name == f"folder/{root.name}"


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"missing file .*frames\.csv"):
        folder(tmp_path, csv="frames.csv")


def test_a_table_without_splits_can_be_divided(tmp_path: Path) -> None:
    rows = "".join(f"{p}_{c}.jpg,{p},{c},t\n" for p in range(1, 7) for c in (0, 1))
    write_csv(tmp_path, "path,pid,camid,tracklet\n" + rows)
    with pytest.raises(DatasetError, match="rows without a split"):
        folder(tmp_path, csv="frames.csv")
    splits = folder(tmp_path, csv="frames.csv", test_share=0.5)
    assert splits.num_train_pids == 3


def test_one_odd_folder_renumbers_nobody(tmp_path: Path) -> None:
    with collect_remarks() as remarks:
        for person in ("00-1", "0000", "0007", "12", "unknown man"):
            pictures(tmp_path / "gallery" / person / "a" / "t", ["1.jpg"])
        pictures(tmp_path / "query" / "0007" / "b" / "t", ["1.jpg"])
        splits = build_dataset("folder", tmp_path)
    assert [(Path(t.frames[0]).parts[-4], t.pid) for t in splits.gallery] == [
        ("0000", 0),
        ("0007", 7),
        ("12", 12),
        ("unknown man", 13),
    ]
    assert remarks == [
        "1 of 5 people have no number as name and are numbered from 13: unknown man",
        "left out: 1 junk tracklet (person -1)",
    ]


@pytest.mark.parametrize("twins", [("Bob", "bob"), ("p1", "p01"), ("7", "007")])
def test_people_who_differ_in_dress_only_are_refused(tmp_path: Path, twins: tuple[str, str]) -> None:
    for person in twins:
        pictures(tmp_path / "train" / person / "a" / "t", ["1.jpg"])
    with pytest.raises(DatasetError, match=r"are the same (number|name except for case and zeros); rename"):
        folder(tmp_path)


def test_spellings_of_a_camera_are_one_camera(tmp_path: Path) -> None:
    spellings = {"train": "1", "query": "01", "gallery": "Cam1"}
    for split, camera in spellings.items():
        for name in (camera, "cam_2", "hall way"):
            pictures(tmp_path / split / "5" / name / "t", ["1.jpg"])
    pictures(tmp_path / "gallery" / "5" / "Hall-Way" / "u", ["1.jpg"])
    with collect_remarks() as remarks:
        splits = folder(tmp_path)
    cameras = {t.frames[0].split("/")[-3]: t.camid for part in (splits.query, splits.gallery) for t in part}
    assert cameras == {"01": 0, "Cam1": 0, "cam_2": 1, "hall way": 2, "Hall-Way": 2}
    assert (
        "2 cameras have several names, each taken for one camera: 01 = 1 = Cam1; Hall-Way = hall way"
        in remarks
    )


def test_what_is_left_out_is_said_and_counted(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    person = root / "train" / "3"
    (person / "hall" / "a" / "12.tif").touch()
    (person / "hall" / "a" / "notes.txt").touch()
    (person / "hall" / "a" / "Thumbs.db").touch()  # made by the system: no word
    picture(person / "hall" / "1.jpg")
    picture(person / "hall" / "a" / "more" / "1.jpg")
    picture(root / "val" / "3" / "hall" / "a" / "1.jpg")
    pictures(root / "gallery" / "12" / "door" / "t", ["1.jpg"])
    with collect_remarks() as remarks:
        splits = build_dataset("folder", root)
    assert sum(len(t) for t in splits.train) == 7
    text = "\n".join(remarks)
    assert "2 files are left out, as they do not end in .bmp .jpeg .jpg .png .webp, such as" in text
    assert "1 images are left out, as they lie beside the folders of tracklets" in text
    assert "1 folders are left out, as they lie within a tracklet" in text
    assert "1 folders are left out, as they are not train, query or gallery, such as" in text
    assert "1 people are in training and in test: 12; scores will be too high" in text
    assert all(line in caplog.text for line in remarks)  # without a list they are warnings


def test_a_published_dataset_says_what_it_left_out_too(tmp_path: Path) -> None:
    write_prid2011(tmp_path)
    person = next((tmp_path / "prid_2011" / "multi_shot" / "cam_a").iterdir())
    for name in ("0001.jpg.part", "list.txt"):
        (person / name).touch()
    with collect_remarks() as remarks:
        build_dataset("prid2011", tmp_path)
    assert len(remarks) == 1
    assert remarks[0].startswith("2 files are left out")
