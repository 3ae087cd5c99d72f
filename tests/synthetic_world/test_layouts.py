"""What is written is what the loaders of the published datasets read."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.data.datasets import build_dataset, build_parsing_dataset, read_pair
from videoreid.data.datasets.synthetic import write_lip, write_market1501, write_mars
from videoreid.errors import ConfigError, DatasetError
from videoreid.synthetic_world.footage import film
from videoreid.synthetic_world.population import Population, WorldOptions, make_population

OPTIONS = {"identities": 6, "seed": 5, "frames": 4}


@pytest.fixture(scope="module")
def world() -> Population:
    return make_population(WorldOptions(**OPTIONS))


@pytest.fixture(scope="module")
def mars_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mars(tmp_path_factory.mktemp("world") / "mars", **OPTIONS)


def test_the_mars_loader_reads_every_tracklet(world: Population, mars_folder: Path) -> None:
    splits = build_dataset("mars", mars_folder, check_files=True)
    for split, read in (("query", splits.query), ("gallery", splits.gallery)):
        drawn = [s for s in world.sightings if s.split == split and s.pid >= 0]
        assert Counter((s.pid, s.visit.camera, s.start, s.end, s.count) for s in drawn) == Counter(
            (t.pid, t.camid, t.time, t.end_time, len(t)) for t in read
        )
    drawn = [s for s in world.sightings if s.split == "train"]
    labels = {pid: label for label, pid in enumerate(sorted({s.pid for s in drawn}))}
    assert Counter((labels[s.pid], s.visit.camera, s.start, s.end, s.count) for s in drawn) == Counter(
        (t.pid, t.camid, t.time, t.end_time, len(t)) for t in splits.train
    )


def test_junk_and_distractors_are_where_mars_has_them(mars_folder: Path) -> None:
    folders = sorted(path.name for path in (mars_folder / "bbox_test").iterdir())
    assert folders[:2] == ["00-1", "0000"]
    names = (mars_folder / "info" / "test_name.txt").read_text().split()
    assert names == sorted(names)
    assert all((mars_folder / "bbox_test" / name[:4] / name).is_file() for name in names)
    written = sorted(path.name for path in (mars_folder / "bbox_test").rglob("*.jpg"))
    assert written == names


def test_frames_are_those_of_the_world(world: Population, mars_folder: Path) -> None:
    splits = build_dataset("mars", mars_folder)
    tracklet = splits.query[0]
    (sighting,) = [
        s
        for s in world.sightings
        if (s.pid, s.visit.camera, s.start) == (tracklet.pid, tracklet.camid, tracklet.time)
    ]
    for path, frame in zip(tracklet.frames, film(world, sighting), strict=True):
        read = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        assert read.shape == frame.rgb.shape
        assert np.abs(read.astype(int) - frame.rgb).mean() < 12  # JPEG of the camera's quality
        assert frame.labels.shape == frame.rgb.shape[:2]


def test_cameras_differ_in_resolution(world: Population) -> None:
    sizes = [
        np.mean([next(film(world, s)).rgb.shape[0] for s in world.sightings if s.visit.camera == camera][:6])
        for camera in (0, 5)
    ]
    assert sizes[1] > 1.4 * sizes[0]


def test_the_market_loader_reads_it(world: Population, tmp_path: Path) -> None:
    folder = write_market1501(tmp_path / "market", images=2, **OPTIONS)
    splits = build_dataset("market1501", folder)
    queries = [s for s in world.sightings if s.split == "query"]
    assert Counter((s.pid, s.visit.camera) for s in queries) == Counter(
        (t.pid, t.camid) for t in splits.query
    )
    by_place = {(s.pid, s.visit.camera): s for s in queries}
    for tracklet in splits.query:
        sighting = by_place[tracklet.pid, tracklet.camid]
        assert sighting.start <= tracklet.time <= sighting.end
    gallery = [s for s in world.sightings if s.split == "gallery" and s.pid >= 0]
    assert len(splits.gallery) == 2 * len(gallery)
    assert len(splits.train) == 2 * sum(s.split == "train" for s in world.sightings)
    assert any(path.name.startswith("-1_") for path in (folder / "bounding_box_test").iterdir())


def test_the_lip_loader_reads_it(world: Population, tmp_path: Path) -> None:
    folder = write_lip(tmp_path / "lip", images=1, **OPTIONS)
    splits = build_parsing_dataset("lip", folder)
    assert len(splits.train) == sum(s.split == "train" for s in world.sightings)
    assert splits.val and splits.test
    frames = {}
    for sighting in world.sightings:
        if sighting.split == "train":
            frames |= {f"{sighting.number:05d}_{frame.number:06d}": frame for frame in film(world, sighting)}
    for pair in splits.train:
        image, label = read_pair(pair, len(splits.classes))
        assert label.shape == image.shape[:2]
        np.testing.assert_array_equal(label, frames[Path(pair.image).stem].labels)


def test_the_dataset_is_drawn_once_and_loaded_from_then_on(tmp_path: Path) -> None:
    splits = build_dataset("synthetic", tmp_path, **OPTIONS)
    assert splits.name == "synthetic"
    assert splits.protocol == "cross_camera"
    (folder,) = tmp_path.iterdir()
    first = Path(splits.query[0].frames[0])
    before = first.stat().st_mtime_ns
    again = build_dataset("synthetic", tmp_path, **OPTIONS)
    assert first.stat().st_mtime_ns == before
    assert [(t.pid, t.time) for t in again.query] == [(t.pid, t.time) for t in splits.query]
    assert build_dataset("synthetic", folder, **OPTIONS).query[0].frames[0] == splits.query[0].frames[0]
    with pytest.raises(DatasetError, match="was made from"):
        build_dataset("synthetic", folder, identities=7, seed=5, frames=4)
    card = json.loads((folder / "info" / "world.json").read_text())
    assert card["identities"] == 6
    assert card["seed"] == 5


def test_without_a_root_it_goes_to_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOREID_HOME", str(tmp_path / "home"))
    splits = build_dataset("synthetic", identities=2, frames=2)
    assert Path(splits.query[0].frames[0]).is_relative_to(tmp_path / "home" / "worlds")


def test_a_world_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("videoreid.synthetic_world.layouts.write_picture", fail)
    with pytest.raises(OSError, match="disk full"):
        write_mars(tmp_path / "mars", identities=2, frames=2)
    assert list(tmp_path.iterdir()) == []


def test_bad_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no option 'camera'"):
        write_mars(tmp_path / "a", identities=2, camera=3)
    with pytest.raises(ConfigError, match="images must be 1"):
        write_lip(tmp_path / "b", identities=2, images=0)
    with pytest.raises(ConfigError, match="images must be 1"):
        write_market1501(tmp_path / "b", identities=2, images=0)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "mine.txt").write_text("keep me")
    with pytest.raises(DatasetError, match="not an empty folder"):
        write_mars(tmp_path / "c", identities=2)
    assert (tmp_path / "c" / "mine.txt").read_text() == "keep me"
