"""Whole frames: the truth about them, what hides what, and that a seed means one film."""

import hashlib
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.data.datasets import synthetic
from videoreid.data.text_rows import read_rows
from videoreid.data.video import frame_rate, iterate_frames
from videoreid.errors import ConfigError, DatasetError
from videoreid.footage import read_detections, read_identities, read_mot_ground_truth
from videoreid.synthetic_world.filming import FilmedFrame, film_camera
from videoreid.synthetic_world.footage_layout import lay_out_footage
from videoreid.synthetic_world.walks import FilmOptions, FilmWorld, make_film_world

OPTIONS = {"cameras": 2, "minutes": 0.1, "people": 8, "seed": 3, "frame_rate": 10, "height": 180}
COLUMNS = ("video", "track", "person", "camera", "first_frame", "last_frame", "start", "end")


@pytest.fixture(scope="module")
def world() -> FilmWorld:
    return make_film_world(FilmOptions(**OPTIONS))


@pytest.fixture(scope="module")
def frames(world: FilmWorld) -> list[FilmedFrame]:
    return list(film_camera(world, 0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_footage(tmp_path_factory.mktemp("world") / "footage", **OPTIONS)


def test_a_video_a_truth_and_detections_for_each_camera(folder: Path, frames: list[FilmedFrame]) -> None:
    for name in ("camera1", "camera2"):
        assert frame_rate(folder / f"{name}.mp4") == 10
        shapes = [frame.image.shape for frame in iterate_frames(folder / f"{name}.mp4")]
        assert shapes == [(180, 320, 3)] * 60
        assert read_detections(folder / f"{name}.det.txt").frames
    truth = read_mot_ground_truth(folder / "camera1.gt.txt")
    assert len(truth) == sum(len(frame.tracks) for frame in frames)
    busy = max(frames, key=lambda frame: len(frame.tracks))
    rows = truth.frames == busy.number
    assert truth.track_ids[rows].tolist() == busy.tracks.tolist()
    corners = truth.boxes[rows] + np.hstack([np.zeros((rows.sum(), 2)), truth.boxes[rows, :2]])
    np.testing.assert_allclose(corners, busy.boxes, atol=0.02)
    np.testing.assert_allclose(truth.confidences[rows], busy.visibility, atol=1e-4)


def test_the_table_says_who_every_track_is(folder: Path, world: FilmWorld) -> None:
    rows = [row.fields for row in read_rows(folder / "identities.csv", COLUMNS, ConfigError)]
    for number, name in enumerate(("camera1", "camera2")):
        truth = read_mot_ground_truth(folder / f"{name}.gt.txt")
        own = [row for row in rows if row["video"] == f"{name}.mp4"]
        assert {int(row["track"]) for row in own} == set(truth.track_ids.tolist())
        for row in own:
            seen = truth.frames[truth.track_ids == int(row["track"])]
            assert (seen.min(), seen.max()) == (int(row["first_frame"]), int(row["last_frame"]))
            assert float(row["start"]) == pytest.approx(seen.min() / 10, abs=1e-3)
            assert world.walks[number][int(row["track"]) - 1].person + 1 == int(row["person"])
    people, unmatched = read_identities(
        folder / "identities.csv",
        [str(folder / "camera1.mp4"), str(folder / "camera2.mp4")],
        [{int(row["track"]) for row in rows if row["camera"] == name} for name in ("camera1", "camera2")],
    )
    assert not unmatched and sum(map(len, people)) == len(rows)


def test_nobody_is_in_two_places_and_some_are_in_two_cameras() -> None:
    world = make_film_world(FilmOptions(cameras=3, minutes=1, people=20))
    walks = sorted((walk for own in world.walks for walk in own), key=lambda walk: (walk.person, walk.start))
    pairs = [(a, b) for a, b in itertools.pairwise(walks) if a.person == b.person]
    gaps = np.array([b.start - a.end for a, b in pairs])
    assert len(pairs) >= 20 and (gaps >= 25).all()  # a second at the least between two cameras
    assert all(a.camera != b.camera for a, b in pairs)
    assert sum(len({walk.camera for walk in walks if walk.person == who}) > 1 for who in range(20)) >= 15


def test_boxes_hold_the_pixels_that_differ_from_the_empty_street(world: FilmWorld) -> None:
    empty = FilmWorld(world.options, world.people, world.cameras, world.grounds, world.scenes, walks=((), ()))
    for full, bare in list(zip(film_camera(world, 0), film_camera(empty, 0), strict=True))[::12]:
        differs = np.abs(full.rgb.astype(int) - bare.rgb).max(axis=2) > 40
        boxes = np.zeros(differs.shape, dtype=bool)
        for left, top, right, bottom in full.boxes:
            boxes[max(int(top) - 2, 0) : int(bottom) + 3, max(int(left) - 2, 0) : int(right) + 3] = True
        assert differs.any() or not len(full.tracks)
        assert not differs[~boxes].any()


def test_who_stands_in_front_hides_who_stands_behind() -> None:
    world = make_film_world(FilmOptions(cameras=3, minutes=0.3, people=20, frame_rate=4, height=180))
    rows = [frame for camera in range(3) for frame in film_camera(world, camera)]
    assert max(len(frame.tracks) for frame in rows) >= 5
    shares = np.concatenate([frame.visibility for frame in rows])
    assert ((shares >= 0) & (shares <= 1)).all()
    assert (shares == 1).mean() > 0.3 and (shares < 0.7).mean() > 0.05


def test_a_person_who_walks_alone_is_seen_whole() -> None:
    world = make_film_world(FilmOptions(cameras=1, minutes=0.3, people=1, seed=1, frame_rate=5, height=180))
    seen = [frame for frame in film_camera(world, 0) if len(frame.tracks)]
    whole = [f for f in seen if f.boxes[0, 0] > 0 and f.boxes[0, 2] < 320]
    assert np.median([frame.visibility[0] for frame in whole]) == 1.0
    heights = [frame.boxes[0, 3] - frame.boxes[0, 1] for frame in whole]
    assert min(heights) > 20 and max(heights) < 70


def test_a_seed_means_one_film(folder: Path, tmp_path: Path) -> None:
    again = synthetic.write_footage(tmp_path / "again", **OPTIONS)
    for path in sorted(folder.iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    other = synthetic.write_footage(tmp_path / "other", **{**OPTIONS, "seed": 4, "minutes": 0.02})
    assert (other / "camera1.gt.txt").read_text()[:200] != (folder / "camera1.gt.txt").read_text()[:200]


def test_the_truth_is_the_same_everywhere(folder: Path) -> None:
    text = "".join(
        (folder / name).read_text() for name in ("camera1.gt.txt", "camera2.gt.txt", "identities.csv")
    )
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "85dd6266ac8b36e8"


def test_detections_tremble_around_the_truth(folder: Path) -> None:
    truth = read_mot_ground_truth(folder / "camera1.gt.txt", min_visibility=0.9)
    found = read_detections(folder / "camera1.det.txt").frames
    overlaps = []
    for frame, (left, top, width, height) in zip(truth.frames.tolist(), truth.boxes, strict=True):
        boxes = found.get(frame, np.empty((0, 5)))[:, :4]
        corner = np.minimum(boxes[:, 2:], [left + width, top + height]) - np.maximum(
            boxes[:, :2], [left, top]
        )
        common = np.clip(corner, 0, None).prod(axis=1)
        union = width * height + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - common
        overlaps.append(max(common / union, default=0.0))
    overlaps = np.array(overlaps)
    assert (overlaps > 0.5).mean() > 0.9  # a few are missed
    assert 0.6 < np.median(overlaps) < 0.97  # and none is exact


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cameras", 0),
        ("people", 0),
        ("minutes", 0),
        ("minutes", float("nan")),
        ("seed", -1),
        ("frame_rate", 0),
        ("height", 181),
        ("difficulty", 2),
    ],
)
def test_options_out_of_range_are_refused(tmp_path: Path, option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=option):
        synthetic.write_footage(tmp_path / "footage", **{option: value})
    assert not list(tmp_path.iterdir())


def test_a_wrong_option_and_a_used_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no option 'width'"):
        synthetic.write_footage(tmp_path / "footage", width=640)
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="not an empty folder"):
        synthetic.write_footage(tmp_path, minutes=0.01)


def test_a_film_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2.VideoWriter, "isOpened", lambda self: False)
    with pytest.raises(DatasetError, match="cannot write"):
        synthetic.write_footage(tmp_path / "footage", **OPTIONS)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DatasetError, match="cannot write"):
        lay_out_footage(make_film_world(FilmOptions(**OPTIONS)), tmp_path)
