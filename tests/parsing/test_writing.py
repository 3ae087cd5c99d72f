"""Folders of label maps, and where their pictures come from."""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.data.numbered_video import damage, write_numbered
from videoreid.errors import ConfigError, DatasetError, FrameError
from videoreid.parsing import LABEL_TABLES, CallableParser
from videoreid.parsing.label_files import read_label_map
from videoreid.parsing.sources import (
    Picture,
    pictures_of_folder,
    pictures_of_splits,
    pictures_of_video,
)
from videoreid.parsing.writing import parse_into_folder, read_visibility
from videoreid.types import Splits, Tracklet

TABLE = LABEL_TABLES["seed7"]


def write_pictures(root: Path) -> Path:
    for name, value in (("anna/1.png", 10), ("anna/2.png", 20), ("bert/1.png", 0)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image = np.zeros((8, 4, 3), np.uint8)
        image[:4] = value
        cv2.imwrite(str(root / name), image)
    return root


class Counting:
    """Labels a pixel by a tenth of its brightness, and counts what it is shown."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.seen += len(images)
        return [image[..., 0] // 10 for image in images]


def parser(function: Counting, description: str = "counting") -> CallableParser:
    return CallableParser(function, TABLE, description)


def test_a_folder_becomes_maps_overlays_and_visibility(tmp_path: Path) -> None:
    pictures = pictures_of_folder(write_pictures(tmp_path / "in"))
    assert [(p.name, p.tracklet) for p in pictures] == [
        ("anna/1", "anna"),
        ("anna/2", "anna"),
        ("bert/1", "bert"),
    ]
    output = tmp_path / "out"
    function = Counting()
    done = parse_into_folder(parser(function), pictures, output, batch_size=2, progress=False)
    assert (done.parsed, done.found, function.seen) == (3, 0, 3)
    assert done.pictures_per_second > 0
    labels = read_label_map(output / "labels" / "anna" / "2.png", TABLE)
    assert (labels[:4] == 2).all()
    assert (labels[4:] == 0).all()
    assert cv2.imread(str(output / "overlays" / "bert" / "1.jpg")).shape == (8, 4, 3)
    names, parts, visibility = read_visibility(output)
    assert names == ["anna", "bert"]
    assert parts == TABLE.classes[1:]
    # of anna's two pictures one shows the head and one clothes, each as large as they ever are
    assert visibility.tolist() == [[0.5, 0.5, 0, 0, 0, 0], [0] * 6]
    with (output / "visibility.csv").open() as file:
        assert next(csv.DictReader(file))["pictures"] == "2"


def test_a_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    pictures = pictures_of_folder(write_pictures(tmp_path / "in"))
    output = tmp_path / "out"
    parse_into_folder(parser(Counting()), pictures, output, progress=False)
    first = (output / "visibility.csv").read_text()
    (output / "labels" / "anna" / "2.png").unlink()
    function = Counting()
    done = parse_into_folder(parser(function), pictures, output, progress=False)
    assert (done.parsed, done.found, function.seen) == (1, 2, 1)
    assert (output / "visibility.csv").read_text() == first
    nothing = parse_into_folder(parser(function), pictures, output, progress=False)
    assert (nothing.parsed, nothing.pictures_per_second, function.seen) == (0, 0.0, 1)
    with pytest.raises(ConfigError, match="was parsed with counting in table seed7, not with another"):
        parse_into_folder(parser(function, "another"), pictures, output, progress=False)
    for damaged in ("[]", "{"):
        (output / "parsing.json").write_text(damaged)
        with pytest.raises(ConfigError, match=r"parsing\.json is damaged"):
            parse_into_folder(parser(function), pictures, output, progress=False)


def test_no_old_visibility_stands_beside_new_pictures(tmp_path: Path) -> None:
    pictures, output = pictures_of_folder(write_pictures(tmp_path / "in")), tmp_path / "out"
    parse_into_folder(parser(Counting()), pictures[:2], output, progress=False)
    assert read_visibility(output)[0] == ["anna"]

    def fail(images: Sequence[np.ndarray]) -> list[np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parse_into_folder(CallableParser(fail, TABLE, "counting"), pictures, output, progress=False)
    with pytest.raises(DatasetError, match="run videoreid parse again"):
        read_visibility(output)
    parse_into_folder(parser(Counting()), pictures, output, progress=False)  # the advice
    assert read_visibility(output)[0] == ["anna", "bert"]


def test_a_picture_that_cannot_be_read_ends_the_run_and_is_named(tmp_path: Path) -> None:
    root = write_pictures(tmp_path / "in")
    (root / "bert" / "1.png").write_bytes(b"no picture")
    with pytest.raises(FrameError, match=r"bert/1\.png"):
        parse_into_folder(
            parser(Counting()), pictures_of_folder(root), tmp_path / "out", batch_size=1, progress=False
        )
    assert (tmp_path / "out" / "labels" / "anna" / "2.png").is_file()
    assert not (tmp_path / "out" / "labels" / "bert").exists()
    with pytest.raises(ConfigError, match="0 and 16"):
        parse_into_folder(parser(Counting()), [], tmp_path / "out")
    with pytest.raises(DatasetError, match="run videoreid parse again"):
        read_visibility(tmp_path / "out")


def test_folders_that_cannot_be_parsed(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no picture"):
        pictures_of_folder(tmp_path)
    root = write_pictures(tmp_path / "in")
    cv2.imwrite(str(root / "anna" / "1.jpg"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DatasetError, match="would be written to one file"):
        pictures_of_folder(root)


def test_frames_of_a_video(tmp_path: Path) -> None:
    path = tmp_path / "street.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (32, 16))
    for number in range(5):
        writer.write(np.full((16, 32, 3), 40 * number, np.uint8))
    writer.release()
    pictures = pictures_of_video(path, every=2)
    assert [(p.name, p.tracklet) for p in pictures] == [(f"street/{n:06d}", "street") for n in (0, 2, 4)]
    done = parse_into_folder(parser(Counting()), pictures[:1], tmp_path / "out", progress=False)
    assert done.parsed == 1
    (tmp_path / "none.avi").write_bytes(b"no video")
    with pytest.raises(FrameError):
        pictures_of_video(tmp_path / "none.avi")


def test_a_damaged_frame_of_a_video_is_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = damage(write_numbered(tmp_path / "mjpg.avi", 6), 2)
    pictures = pictures_of_video(path)
    assert [picture.name for picture in pictures] == [f"damaged/{number:06d}" for number in (0, 1, 3, 4, 5)]
    assert "1 of 6 frames are damaged and were skipped (counted from 0): 2" in caplog.text
    assert parse_into_folder(parser(Counting()), pictures, tmp_path / "out", progress=False).parsed == 5


def test_tracklets_of_a_data_set() -> None:
    splits = Splits("small", query=(Tracklet(("a", "b"), 1, 0),), gallery=(Tracklet(("c",), 1, 1),))
    assert pictures_of_splits(splits) == [
        Picture("a", "query/000000/0000", "query/000000"),
        Picture("b", "query/000000/0001", "query/000000"),
        Picture("c", "gallery/000000/0000", "gallery/000000"),
    ]
