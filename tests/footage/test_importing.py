import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.data.numbered_video import with_variable_rate, write_numbered
from videoreid.data.datasets import build_dataset
from videoreid.data.frames import FrameReader
from videoreid.data.video import iterate_frames, iterate_video
from videoreid.errors import ConfigError, DatasetError, TrackFileError
from videoreid.footage import mars_layout
from videoreid.footage.crops import Tracks
from videoreid.footage.import_state import alone_in
from videoreid.footage.importing import CutRules, Footage, import_footage
from videoreid.footage.track_sources import tracks_from_arrays
from videoreid.types import Splits, Tracklet


def make_tracks(*tracks: tuple[int, list[int], int]) -> Tracks:
    """Build tracks of 10x20 boxes: (id, frames, left edge)."""
    rows = [(frame, track, (left, 5, left + 10, 25)) for track, frames, left in tracks for frame in frames]
    return tracks_from_arrays(*([row[i] for row in rows] for i in range(3)))


def people_of(splits: Splits) -> dict[str, list[tuple[int, int, int]]]:
    return {
        part: [(t.pid, t.camid, len(t)) for t in getattr(splits, part)]
        for part in ("train", "query", "gallery")
    }


@pytest.fixture
def two_cameras(video: Path) -> list[Footage]:
    """Three people, each seen by both cameras, and a track of nobody known."""
    first = make_tracks((1, list(range(10)), 0), (2, list(range(12)), 12), (9, list(range(6)), 36))
    second = make_tracks(
        (4, [0, 1, 2, 3, 12, 13, 14, 15, 16], 0), (5, list(range(8)), 20), (6, list(range(5)), 30)
    )
    return [
        Footage(video, first, camid=0, identities={1: 1, 2: 2, 9: 3}),
        Footage(video, second, camid=3, clock_offset=100.0, frames_per_second=10.0, identities={4: 1, 5: 2}),
    ]


def test_footage_becomes_a_dataset_that_the_mars_reader_reads(
    two_cameras: list[Footage], tmp_path: Path
) -> None:
    root = import_footage(two_cameras, tmp_path / "dataset", rules=CutRules(max_gap=3), train_share=0.34)
    splits = build_dataset("mars", root=root)
    everything = [*splits.train, *splits.query, *splits.gallery]
    assert sum(map(len, everything)) == 10 + 12 + 6 + 9 + 8 + 5
    assert len(splits.train) >= 1
    by_length = {(t.camid, len(t)): t for t in everything}
    assert set(by_length) == {(0, 10), (0, 12), (0, 6), (3, 4), (3, 5), (3, 8)}  # two of length 5 in camera 3
    cut = by_length[3, 4]  # track 4 before its gap
    assert (cut.time, cut.end_time) == (pytest.approx(100.0), pytest.approx(100.3))
    assert by_length[0, 10].end_time == pytest.approx(9 / 25)
    frames = list(iterate_video(two_cameras[0].video))
    for tracklet, left in ((by_length[0, 12], 12), (by_length[3, 8], 20)):
        for number, crop in enumerate(FrameReader().read(tracklet.frames)):
            np.testing.assert_array_equal(crop, frames[number][5:25, left : left + 10])
    assert sorted(path.name for path in root.iterdir()) == ["bbox_test", "bbox_train", "info"]


def test_known_people_meet_across_cameras_and_others_are_distractors(
    two_cameras: list[Footage], tmp_path: Path
) -> None:
    for seed in range(8):  # until person 3, whom one camera saw, is the one to train on
        splits = build_dataset(
            "mars", root=import_footage(two_cameras, tmp_path / str(seed), train_share=0.3, seed=seed)
        )
        found = people_of(splits)
        assert len(found["train"]) in (1, 2)
        assert [row for row in found["gallery"] if row[0] == 0] == [(0, 3, 5)]
        for pid, camid, _ in found["query"]:
            assert any(p == pid and c != camid for p, c, _ in [*found["query"], *found["gallery"]])
        if found["train"] == [(0, 0, 6)]:
            assert sorted(found["query"]) == [(1, 0, 10), (1, 3, 9), (2, 0, 12), (2, 3, 8)]
            return
    pytest.fail("no seed chose person 3")


def test_without_identities_every_track_is_a_person(
    video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracks = make_tracks((1, list(range(8)), 0), (2, list(range(8)), 12))
    footage = [Footage(video, tracks, camid=0), Footage(video, tracks, camid=1)]
    splits = build_dataset("mars", root=import_footage(footage, tmp_path / "c"))
    assert len(splits.train) == 2
    assert len({t.pid for t in splits.query}) == 2
    assert "no test person was seen in two cameras" in caplog.text


def test_short_tracklets_are_left_out(video: Path, tmp_path: Path) -> None:
    tracks = make_tracks((1, list(range(8)), 0), (2, list(range(3)), 12), (3, list(range(9)), 24))
    splits = build_dataset("mars", root=import_footage([Footage(video, tracks)], tmp_path / "c"))
    assert sorted(len(t) for t in [*splits.train, *splits.query, *splits.gallery]) == [8, 9]


def test_a_suspected_switch_makes_another_person(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "videoreid.footage.importing.describe_crop",
        lambda crop: np.eye(96, dtype=np.float32)[int(crop[0, 0, 0] >= 100)] * 9,
    )
    tracks = make_tracks(
        (1, list(range(20)), 0), (2, list(range(6)), 12)
    )  # the red of the video reaches 100 at frame 10
    rules = CutRules(jump_threshold=0.3, jump_window=4)
    splits = build_dataset("mars", root=import_footage([Footage(video, tracks)], tmp_path / "c", rules=rules))
    assert sorted(len(t) for t in [*splits.train, *splits.query, *splits.gallery]) == [6, 10, 10]
    assert len({t.pid for t in splits.query}) + splits.num_train_pids == 3


def test_an_interrupted_import_goes_on(
    two_cameras: list[Footage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "c"
    decoded: list[str] = []

    def counted(path: Path):
        decoded.append(str(path))
        return iterate_frames(path)

    monkeypatch.setattr("videoreid.footage.crops.iterate_frames", counted)
    bad = Footage(two_cameras[1].video, make_tracks((1, [0, 1, 2, 40], 0)), camid=1)
    with pytest.raises(TrackFileError, match="past the end"):
        import_footage([two_cameras[0], bad], root)
    assert len(decoded) == 2
    with monkeypatch.context() as patch:  # now the crops are cut, and it stops among the tables
        patch.setattr(mars_layout, "queries_of", lambda pieces: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            import_footage(two_cameras, root)
    assert len(decoded) == 3  # the first video was not decoded again
    with pytest.raises(DatasetError, match="mars"):
        build_dataset("mars", root=root)  # not taken for a dataset
    import_footage(two_cameras, root)
    assert len(decoded) == 3
    whole = build_dataset("mars", root=import_footage(two_cameras, tmp_path / "whole"))
    assert people_of(build_dataset("mars", root=root)) == people_of(whole)


def test_staged_crops_of_other_tracks_are_refused(two_cameras: list[Footage], tmp_path: Path) -> None:
    bad = Footage(two_cameras[1].video, make_tracks((1, [0, 1, 2, 40], 0)), camid=1)
    for advice in ("delete", "the order in which it was begun"):
        root = tmp_path / advice[:3]
        with pytest.raises(TrackFileError):
            import_footage([two_cameras[0], bad], root)
        with pytest.raises(DatasetError, match="unfinished import of another video") as caught:
            import_footage([two_cameras[1], two_cameras[0]], root)
        assert advice in str(caught.value)
        assert f"delete {root / '.staging'}" in str(caught.value)
        if advice == "delete":
            shutil.rmtree(root / ".staging")
        import_footage([two_cameras[1], two_cameras[0]] if advice == "delete" else two_cameras, root)
        assert sorted(path.name for path in root.iterdir()) == ["bbox_test", "bbox_train", "info"]


def stop_among_the_moves(footage: list[Footage], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(mars_layout, "queries_of", lambda pieces: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            import_footage(footage, root)


@pytest.mark.parametrize("advice", ["the same again", "delete"])
def test_moved_crops_are_not_mixed_with_those_of_other_settings(
    two_cameras: list[Footage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, advice: str
) -> None:
    """With another gap the same names would be other crops."""
    root, rules = tmp_path / "c", CutRules(max_gap=3)
    stop_among_the_moves(two_cameras, root, monkeypatch)
    with pytest.raises(ConfigError, match=f"by other settings.*give the same again, or delete {root}$"):
        import_footage(two_cameras, root, rules=rules)
    if advice == "delete":
        shutil.rmtree(root)
        import_footage(two_cameras, root, rules=rules)
    else:
        import_footage(two_cameras, root)
    other = import_footage(
        two_cameras, tmp_path / "whole", **({"rules": rules} if advice == "delete" else {})
    )
    assert people_of(build_dataset("mars", root=root)) == people_of(build_dataset("mars", root=other))


def test_the_rest_of_an_import_is_refused(
    two_cameras: list[Footage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "c"
    stop_among_the_moves(two_cameras, root, monkeypatch)
    (root / ".import-plan").unlink()
    with pytest.raises(
        ConfigError, match=r"holds bbox_train and bbox_test but no info.*choose another folder"
    ):
        import_footage(two_cameras, root)
    import_footage(two_cameras, tmp_path / "other")  # the advice
    shutil.rmtree(root)
    import_footage(two_cameras, root)


@pytest.mark.parametrize("gone", [True, False])
def test_a_crop_that_is_gone_is_named(
    two_cameras: list[Footage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    root = tmp_path / "c"
    stop_among_the_moves(two_cameras, root, monkeypatch)
    if gone:
        next(root.rglob("0001C1T0001F003.png")).unlink()
        with pytest.raises(DatasetError, match=f"is not there: delete {root} and import again"):
            import_footage(two_cameras, root)
        shutil.rmtree(root)  # the advice
    import_footage(two_cameras, root)
    assert sorted(path.name for path in root.iterdir()) == ["bbox_test", "bbox_train", "info"]


def test_two_imports_into_one_folder(two_cameras: list[Footage], tmp_path: Path) -> None:
    with (
        alone_in(tmp_path / "c"),
        pytest.raises(ConfigError, match=r"process \d+ .* is importing into .*choose another folder"),
    ):
        import_footage(two_cameras, tmp_path / "c")
    import_footage(two_cameras, tmp_path / "c")


@pytest.mark.parametrize("left", ["all", "nothing"])
def test_leftovers_beside_a_whole_dataset_are_removed(
    two_cameras: list[Footage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """At whatever moment of its clearing up the run before was killed."""
    root = tmp_path / "c"
    with monkeypatch.context() as patch:
        patch.setattr("videoreid.footage.importing.clear_up", lambda folder: None)
        import_footage(two_cameras, root)
    if left == "nothing":
        shutil.rmtree(root / ".staging")
    assert import_footage(two_cameras, root) == root
    assert sorted(path.name for path in root.iterdir()) == ["bbox_test", "bbox_train", "info"]


def test_long_tracklets_are_cut_where_the_names_end(tmp_path: Path) -> None:
    frames = []
    for number in range(1500):
        frames.append(tmp_path / "crops" / f"{number}.png")
        frames[-1].parent.mkdir(exist_ok=True)
        frames[-1].touch()
    pieces = [
        mars_layout.Piece(tuple(frames[:1200]), 1, 0, 0.0, 119.9),
        mars_layout.Piece(tuple(frames[1200:]), 2, 0, 0.0, 29.9),
    ]
    mars_layout.write_layout(pieces, tmp_path / "c", train_share=0.5, seed=0)
    splits = build_dataset("mars", root=tmp_path / "c")
    tracklets: list[Tracklet] = [*splits.train, *splits.query, *splits.gallery]
    assert sorted(map(len, tracklets)) == [201, 300, 999]
    last = next(t for t in tracklets if len(t) == 201)
    assert (last.time, last.end_time) == (pytest.approx(99.9), pytest.approx(119.9))
    assert not math.isnan(last.time)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"footage": []}, "no footage"),
        ({"train_share": 1.0}, "train_share"),
        ({"camid": -1}, "numbered from 0"),
        ({"existing": True}, "holds a dataset already"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    two_cameras: list[Footage], tmp_path: Path, change: dict, message: str
) -> None:
    footage = change.get("footage", two_cameras)
    if "camid" in change:
        footage = [Footage(two_cameras[0].video, two_cameras[0].tracks, camid=change["camid"])]
    if "existing" in change:
        (tmp_path / "info").mkdir()
    with pytest.raises(ConfigError, match=message):
        import_footage(footage, tmp_path, train_share=change.get("train_share", 0.5))


def test_one_person_is_too_few(video: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="1 people with tracklets"):
        import_footage([Footage(video, make_tracks((1, list(range(8)), 0)))], tmp_path)


def test_boxes_that_cannot_be_cut_are_left_out_of_a_dataset(
    video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracks = make_tracks((1, list(range(8)), 0), (2, list(range(8)), 12), (3, [0, 1], 90))
    splits = build_dataset("mars", root=import_footage([Footage(video, tracks)], tmp_path / "c"))
    assert sorted(len(t) for t in [*splits.train, *splits.query]) == [8, 8]
    assert "2 of 18 boxes lie wholly outside their frame" in caplog.text
    with pytest.raises(TrackFileError, match="lies outside"):
        import_footage([Footage(video, tracks)], tmp_path / "strict", strict=True)


def test_short_tracklets_are_counted(video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tracks = make_tracks((1, list(range(8)), 0), (2, [0], 12), (3, list(range(9)), 24))
    import_footage([Footage(video, tracks)], tmp_path / "c")
    assert "1 of 3 tracklets have fewer than 4 frames and were left out" in caplog.text
    with pytest.raises(
        DatasetError, match=r"1 tracklets have fewer than 4 frames, the first is of track 2; a smaller"
    ):
        import_footage([Footage(video, tracks)], tmp_path / "strict", strict=True)
    root = import_footage(
        [Footage(video, tracks)], tmp_path / "kept", rules=CutRules(min_length=1), strict=True
    )
    splits = build_dataset("mars", root=root)
    assert sorted(len(t) for t in [*splits.train, *splits.query, *splits.gallery]) == [1, 8, 9]


def test_ids_of_64_bits_name_people(video: Path, tmp_path: Path) -> None:
    ids = (2**63 + 1, 2**64 - 2, 3)
    boxes = make_tracks((1, list(range(8)), 0), (2, list(range(6)), 12), (3, list(range(9)), 24))
    tracks = Tracks(boxes.frames, [ids[track - 1] for track in boxes.track_ids.tolist()], boxes.boxes)
    known = {ids[0]: 5, ids[1]: 6, ids[2]: 7}
    root = import_footage([Footage(video, tracks, identities=known)], tmp_path / "c")
    splits = build_dataset("mars", root=root)
    lengths = sorted(len(t) for t in [*splits.train, *splits.query, *splits.gallery])
    assert lengths == [6, 8, 9]


def test_times_are_those_of_the_container(tmp_path: Path) -> None:
    path = with_variable_rate(write_numbered(tmp_path / "mpeg4.mp4"))
    tracks = make_tracks((1, list(range(40, 60)), 0), (2, list(range(8)), 12))
    root = import_footage([Footage(path, tracks, clock_offset=10.0)], tmp_path / "c")
    splits = build_dataset("mars", root=root)
    times = {(len(t), round(t.time, 3), round(t.end_time, 3)) for t in [*splits.train, *splits.query]}
    assert times == {(20, 10 + 40 / 25, 10 + (50 + 4 * 9) / 25), (8, 10.0, 10 + 7 / 25)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clock_offset": math.nan}, "clock_offset nan"),
        ({"frames_per_second": 0.0}, "frames_per_second 0.0"),
        ({"identities": {1: 0}}, "people are numbered from 1"),
        (
            {"identities": {1: 1, 77: 2}},
            "identities name 1 tracks that arrays does not hold, the first is 77",
        ),
    ],
)
def test_footage_that_makes_no_sense_is_refused(video: Path, changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Footage(video, make_tracks((1, [0, 1], 0)), **changes)


def test_an_import_that_was_killed_while_it_cleared_up_is_finished(
    two_cameras: list[Footage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "c"
    with monkeypatch.context() as patch:
        patch.setattr("videoreid.footage.importing.clear_up", lambda folder: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            import_footage(two_cameras, root)
    with pytest.raises(ConfigError, match="holds a dataset already"):
        import_footage(two_cameras[:1], root)
    assert import_footage(two_cameras, root) == root
    assert sorted(path.name for path in root.iterdir()) == ["bbox_test", "bbox_train", "info"]
    with pytest.raises(ConfigError, match="holds a dataset already"):
        import_footage(two_cameras, root)
