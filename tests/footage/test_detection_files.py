import json
from pathlib import Path

import numpy as np
import pytest

from videoreid.errors import ConfigError, TrackFileError
from videoreid.footage.detection_files import read_detections, read_labels
from videoreid.footage.track_formats import read_label_tracks, read_mot_ground_truth

IMAGE = np.zeros((100, 200, 3), np.uint8)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_mot_detections_need_no_id(tmp_path: Path) -> None:
    found = read_detections(
        write(tmp_path / "d.txt", "1,-1,11,21,30,40,0.5\n1,-1,51,21,30,40,0.25\n3,7,1,1,9,9\n")
    )
    boxes, scores = found.find(0, IMAGE)
    assert boxes.tolist() == [[10, 20, 40, 60], [50, 20, 80, 60]]
    assert scores.tolist() == [0.5, 0.25]
    assert found.find(1, IMAGE)[0].shape == (0, 4)
    assert found.find(2, IMAGE)[1].tolist() == [1.0]


KITTI = """0 1 Pedestrian 0 0 -1.5 10.0 20.0 40.0 60.0 1.8 0.5 0.5 1 2 3 0.1
0 2 Car 0 0 -1.5 50.0 20.0 90.0 60.0 1.8 0.5 0.5 1 2 3 0.1
2 1 Pedestrian 0 0 -1.5 12.0 20.0 42.0 60.0 1.8 0.5 0.5 1 2 3 0.1 0.75
0 -1 DontCare -1 -1 -10 1 1 2 2 -1 -1 -1 -1000 -1000 -1000 -10
"""


def test_kitti_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "0000.txt", KITTI)
    tracks = read_label_tracks(path)
    assert tracks.frames.tolist() == [0, 2]
    assert tracks.track_ids.tolist() == [1, 1]
    assert tracks.boxes.tolist() == [[10, 20, 30, 40], [12, 20, 30, 40]]
    assert tracks.confidences.tolist() == [1.0, 0.75]
    assert tracks.lines.tolist() == [1, 3]
    assert read_detections(path).find(2, IMAGE)[0].tolist() == [[12, 20, 42, 60]]


def test_yolo_labels(tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    write(folder / "street_1.txt", "0 0.5 0.5 0.25 0.5 7\n2 0.1 0.1 0.1 0.1 8\n")
    write(folder / "street_3.txt", "0 0.5 0.5 0.25 0.5 0.75 7\n")
    write(folder / "classes.txt", "person\n")
    assert read_detections(folder).find(0, IMAGE)[0].tolist() == [[75, 25, 125, 75]]
    assert read_detections(folder).find(2, IMAGE)[1].tolist() == [0.75]
    tracks = read_label_tracks(folder, size=(200, 100))
    assert tracks.frames.tolist() == [0, 2]
    assert tracks.track_ids.tolist() == [7, 7]
    assert tracks.boxes.tolist() == [[75, 25, 50, 50]] * 2
    with pytest.raises(ConfigError, match="give its size"):
        read_label_tracks(folder)
    write(folder / "street_5.txt", "0 0.5 0.5 0.25 0.5 0.75\n")
    with pytest.raises(TrackFileError, match=r"street_5\.txt, line 1: the box has no track id"):
        read_label_tracks(folder, size=(200, 100))


def test_coco_objects_and_results(tmp_path: Path) -> None:
    images = [{"id": 11, "file_name": "img_000005.jpg"}, {"id": 12, "file_name": "img_000007.jpg"}]
    annotations = [
        {"image_id": 11, "category_id": 4, "bbox": [10, 20, 30, 40], "track_id": 2},
        {"image_id": 12, "category_id": 4, "bbox": [12, 20, 30, 40], "track_id": 2, "score": 0.5},
        {"image_id": 12, "category_id": 9, "bbox": [12, 20, 30, 40], "track_id": 3},
    ]
    categories = [{"id": 4, "name": "person"}, {"id": 9, "name": "dog"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    tracks = read_label_tracks(write(tmp_path / "a.json", json.dumps(content)))
    assert tracks.frames.tolist() == [0, 2]
    assert tracks.boxes.tolist() == [[10, 20, 30, 40], [12, 20, 30, 40]]
    assert tracks.confidences.tolist() == [1.0, 0.5]
    results = [
        {"image_id": 0, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
        {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5},
    ]
    found = read_detections(write(tmp_path / "b.json", json.dumps(results)))
    assert {number: table.tolist() for number, table in found.frames.items()} == {0: [[1, 2, 4, 6, 0.5]]}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("d.txt", "1,-1,11,21,30\n", "line 1: 5 fields"),
        ("d.txt", "0,-1,11,21,30,40\n", "line 1: the frame comes before the first"),
        ("d.txt", "1,,11,21,30,40\n", "line 1: frame and id must be whole"),
        ("d.txt", "1,-1,11,,30,40\n", "line 1: expected numbers"),
        ("d.txt", "1,-1,11,21,0,40\n", "line 1: box .* with an area"),
        ("d.txt", "1,-1,11,21,nan,40\n", "line 1: box .* finite"),
        ("d.txt", "0 1 Car 0 0 0 1 1 2 2\n", "holds no person"),
        ("d.txt", "0 1 Pedestrian 0 0 0 1 1 2\n", "line 1: 9 fields"),
        ("d.json", "{", "is not a COCO file"),
        ("d.json", '{"images": []}', "is not a COCO file .KeyError"),
        (
            "d.json",
            '[{"image_id": 0, "category_id": 1, "bbox": [1, 2, 3]}]',
            "is not a COCO file .ValueError",
        ),
        ("labels/x.txt", "0 0.5 0.5 0.1 0.1\n", r"x\.txt: the name of a label file must end in the number"),
        ("labels/1.txt", "0 0.5 0.5 0.1\n", "line 1: 4 fields"),
        ("none.txt", None, "no file"),
    ],
)
def test_malformed_files_are_named_by_place(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    path = tmp_path / name
    if text is not None:
        write(path, text)
    with pytest.raises(TrackFileError, match=message):
        read_labels(path.parent if path.parent.name == "labels" else path)


GROUND_TRUTH = """1,1,11,21,30,40,1,1,1
1,2,11,21,30,40,0,1,1
1,3,11,21,30,40,1,7,0.9
2,1,13,21,30,40,1,1,0.25
"""


def test_mot_ground_truth_is_filtered(tmp_path: Path) -> None:
    path = write(tmp_path / "gt.txt", GROUND_TRUTH)
    tracks = read_mot_ground_truth(path)
    assert list(zip(tracks.track_ids.tolist(), tracks.frames.tolist(), strict=True)) == [(1, 0), (1, 1)]
    assert tracks.boxes.tolist() == [[10, 20, 30, 40], [12, 20, 30, 40]]
    assert tracks.lines.tolist() == [1, 4]
    assert len(read_mot_ground_truth(path, min_visibility=0.5)) == 1
    assert len(read_mot_ground_truth(path, classes=(1, 7))) == 3
    assert len(read_mot_ground_truth(path, classes=None, considered=False)) == 4
    with pytest.raises(TrackFileError, match="none of 4 boxes is left"):
        read_mot_ground_truth(path, classes=(3,))
    with pytest.raises(ConfigError, match="min_visibility"):
        read_mot_ground_truth(path, min_visibility=2)
    with pytest.raises(TrackFileError, match="line 1: expected frame, id"):
        read_mot_ground_truth(write(path, "1,1,11,21,30,40,1\n"))
