from types import SimpleNamespace

import numpy as np
import pytest
import torch

from videoreid.errors import TrackFileError
from videoreid.footage.track_sources import tracks_from_arrays, tracks_from_detections


def test_arrays_lists_and_tensors_become_tracks() -> None:
    expected = [[10.0, 20.0, 5.0, 8.0], [11.0, 20.0, 5.0, 8.0]]
    corners = [[11, 20, 16, 28], [10, 20, 15, 28]]
    for boxes in (corners, np.array(corners), torch.tensor(corners)):
        tracks = tracks_from_arrays([4, 3], [7, 7], boxes)
        assert tracks.frames.tolist() == [3, 4]
        assert tracks.boxes.tolist() == expected
        assert tracks.confidences.tolist() == [1.0, 1.0]
    sized = tracks_from_arrays([4, 3], [7, 7], expected[::-1], box_format="xywh", confidences=[0.5, 0.9])
    assert sized.boxes.tolist() == expected
    assert sized.confidences.tolist() == [0.9, 0.5]


@pytest.mark.parametrize(
    ("frames", "boxes", "message"),
    [
        ([0], [[0, 0, 5]], r"boxes \(N, 4\)"),
        ([0, 1], [[0, 0, 5, 5]], r"frames \(N,\)"),
        ([-1], [[0, 0, 5, 5]], "row 0: frame -1"),
        ([0], [[0, 0, np.nan, 5]], "row 0"),
        ([0], [[5, 0, 5, 5]], "row 0.*area"),
    ],
)
def test_arrays_that_make_no_sense_are_refused(frames: list, boxes: list, message: str) -> None:
    with pytest.raises(TrackFileError, match=message):
        tracks_from_arrays(frames, [1] * len(frames), boxes)


def test_an_unknown_box_format_is_refused() -> None:
    with pytest.raises(TrackFileError, match="xyxy"):
        tracks_from_arrays([0], [1], [[0, 0, 5, 5]], box_format="cxcywh")  # type: ignore[arg-type]


def detections(boxes: list, ids: list | None, **more: object) -> SimpleNamespace:
    return SimpleNamespace(
        xyxy=np.array(boxes, dtype=float).reshape(-1, 4),
        tracker_id=None if ids is None else np.array(ids),
        **more,
    )


def test_detections_of_a_tracker_become_tracks() -> None:
    tracks = tracks_from_detections(
        [
            detections([[0, 0, 4, 8], [10, 0, 14, 8]], [2, 1], confidence=np.array([0.25, 0.5])),
            detections([], []),
            detections([[1, 0, 5, 8], [9, 9, 10, 10]], [2, -1]),
            detections([[9, 9, 10, 10]], None),
        ]
    )
    assert list(zip(tracks.track_ids.tolist(), tracks.frames.tolist(), strict=True)) == [
        (1, 0),
        (2, 0),
        (2, 2),
    ]
    assert tracks.boxes[1].tolist() == [0, 0, 4, 8]
    assert tracks.confidences.tolist() == [0.5, 0.25, 1.0]


def test_what_is_no_tracker_output_is_refused() -> None:
    with pytest.raises(TrackFileError, match="frame 0: dict has no xyxy"):
        tracks_from_detections([{"boxes": []}])
    with pytest.raises(TrackFileError, match="run a tracker"):
        tracks_from_detections([detections([[0, 0, 1, 1]], None)])


def test_real_supervision_detections_are_understood() -> None:
    sv = pytest.importorskip("supervision")
    boxes = np.array([[10.0, 20, 40, 110], [300, 50, 335, 150], [5, 5, 9, 9]])
    found = sv.Detections(xyxy=boxes, confidence=np.array([0.9, 0.8, 0.3]), class_id=np.zeros(3, int))
    assert found.tracker_id is None  # a detector's answer: nobody is followed yet
    followed = sv.Detections(xyxy=boxes, confidence=found.confidence, tracker_id=np.array([4, 2, -1]))
    tracks = tracks_from_detections(
        [sv.Detections.empty(), followed, found, followed[followed.tracker_id == 4]]
    )
    assert tracks.frames.tolist() == [1, 1, 3]
    assert tracks.track_ids.tolist() == [2, 4, 4]
    np.testing.assert_array_equal(tracks.boxes, [[300, 50, 35, 100], [10, 20, 30, 90], [10, 20, 30, 90]])
    np.testing.assert_allclose(tracks.confidences, [0.8, 0.9, 0.9])


BOXES = [[5, 5, 40, 60]] * 3


@pytest.mark.parametrize(
    ("frames", "ids"),
    [
        ([0.0, 1.5, 2.9], [1, 1, 1]),
        ([0, np.nan, 2], [1, 1, 1]),
        ([0, None, 2], [1, 1, 1]),
        ([0, 1, 2], [1, np.nan, 1]),
        ([0, 1, 2], [1.2, 1.7, 2.2]),
        ([0, 1, 2], np.array([2**64 - 1, 1, 1], np.uint64)),
        ([0, 1, 2], ["a", "a", "b"]),
        ([0, 1, 2], [1, None, 1]),
        ([0, 1, 2], [True, False, True]),
        ([0, 1, 2], [1, 1]),
        ([0, 1, 2], [[1], [1], [1]]),
    ],
)
def test_entries_that_are_no_frames_or_ids_are_refused(frames: list, ids: list) -> None:
    with pytest.raises(TrackFileError):
        tracks_from_arrays(frames, ids, BOXES)


def test_whole_numbers_of_any_kind_are_taken_exactly() -> None:
    ids = [9007199254740993, 2**63 - 1, -(2**63)]
    for column in (ids, np.array(ids), np.array(ids, dtype=object), torch.tensor(ids)):
        assert tracks_from_arrays(np.array([0.0, 1.0, 2.0]), column, BOXES).track_ids.tolist() == sorted(ids)
    ids = [2**63 + 1, 9007199254740993, 2**64 - 2]
    for column in (ids, list(np.array(ids, np.uint64)), np.array(ids, np.uint64), np.array(ids, object)):
        assert tracks_from_arrays([0, 1, 2], column, BOXES).track_ids.tolist() == sorted(ids)


@pytest.mark.parametrize("ids", [[2**64, 1, 2], [2**63, -1, 2], [-(2**63) - 1, 1, 2]])
def test_ids_beyond_64_bits_are_named_with_their_row(ids: list[int]) -> None:
    with pytest.raises(
        TrackFileError, match=f"arrays, row 0: track id {ids[0]} is not a 64-bit whole number"
    ):
        tracks_from_arrays([0, 1, 2], ids, BOXES)
    with pytest.raises(TrackFileError, match="arrays, row 1: frame 9223372036854775808"):
        tracks_from_arrays([0, 2**63, 2], [1, 1, 1], BOXES)


@pytest.mark.parametrize(
    ("boxes", "confidences"),
    [
        ([[5, 5, "x", 60]] * 3, None),
        (BOXES, [1, 1]),
        (BOXES, [1, None, 1]),
        (BOXES, [1, np.nan, 1]),
        ([None] * 3, None),
    ],
)
def test_boxes_and_confidences_that_make_no_sense_are_refused(boxes: list, confidences: list | None) -> None:
    with pytest.raises(TrackFileError):
        tracks_from_arrays([0, 1, 2], [1, 1, 1], boxes, confidences=confidences)


@pytest.mark.parametrize("ids", [[1.5], [np.nan], ["a"], [1, 2], [2**64]])
def test_detections_are_checked_as_arrays_are(ids: list) -> None:
    with pytest.raises(TrackFileError, match="frame 0"):
        tracks_from_detections([detections([[0, 0, 4, 8]], ids)])
    with pytest.raises(TrackFileError):
        tracks_from_detections([detections([[0, 0, np.nan, 8]], [1])])
    with pytest.raises(TrackFileError, match="differ in length"):
        tracks_from_detections([detections([[0, 0, 4, 8]], [1], confidence=np.array([0.5, 0.5]))])
