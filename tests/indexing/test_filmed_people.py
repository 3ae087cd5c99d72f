"""The whole way on filmed people: detect, track, embed, index, associate; and the truth to compare with."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.analysis import associate, association_scores, forbidden_pairs
from videoreid.data.datasets import synthetic
from videoreid.footage import (
    Tracks,
    box_overlaps,
    detect,
    match_tracks,
    read_mot_ground_truth,
    track,
    tracks_from_arrays,
)
from videoreid.indexing import IndexRules, index_recording
from videoreid.retrieval import Gallery

SHARED = Path(__file__).parents[3] / "shared" / "data" / "weights"
CAMERAS = ("camera1", "camera2", "camera3")
TO_SIZE = np.array(
    [[1, 0, -1, 0], [0, 1, 0, -1], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float
)  # corners to left, top, size


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "footage"
    return synthetic.write_footage(folder, cameras=3, minutes=0.3, people=5, seed=1, frame_rate=6, height=360)


def colours(crops: list[np.ndarray]) -> np.ndarray:
    """Embed crops by the colours of six stripes, from head to foot, against a middle grey."""
    small = [cv2.resize(crop, (8, 48), interpolation=cv2.INTER_AREA)[:, 2:6] for crop in crops]
    return np.stack([crop.reshape(6, -1, 3).mean(axis=1).ravel() - 110.0 for crop in small])


def persons_of(footage: Path, name: str) -> dict[int, int]:
    with (footage / "identities.csv").open(newline="") as file:
        return {
            int(row["track"]): int(row["person"]) for row in csv.DictReader(file) if row["camera"] == name
        }


def trembling(footage: Path, name: str) -> Tracks:
    """The true tracks of who can be seen, with boxes that are a little off: a tracker that never errs."""
    truth = read_mot_ground_truth(footage / f"{name}.gt.txt", min_visibility=0.4)
    noise = np.random.default_rng(0).normal(0.0, 0.04, truth.boxes.shape)
    boxes = truth.boxes + noise * truth.boxes[:, [2, 3, 2, 3]]
    return tracks_from_arrays(truth.frames, truth.track_ids, boxes, box_format="xywh")


def associated(footage: Path, folder: Path, encoder, tracks: dict[str, Tracks], threshold: float):
    """Index the tracks of every camera and associate them; return the identities and the true persons."""
    gallery = Gallery.open(folder, fingerprint="test", create=True)
    people = {}
    for name, own in tracks.items():
        index_recording(gallery, footage / f"{name}.mp4", encoder, camera=name, tracks=own)
        matched = match_tracks(own, read_mot_ground_truth(footage / f"{name}.gt.txt"))
        persons = persons_of(footage, name)
        people |= {f"{name}:{number}": persons[true] for number, true in matched.items()}
    names = associate(
        gallery.features, threshold=threshold, forbidden=forbidden_pairs(gallery.timed_features)
    )
    known = [place for place, key in enumerate(gallery.keys) if key in people]
    return names[known], np.array([people[gallery.keys[place]] for place in known])


def test_people_are_put_together_over_the_cameras(footage: Path, tmp_path: Path) -> None:
    tracks = {name: trembling(footage, name) for name in CAMERAS}
    names, persons = associated(footage, tmp_path, colours, tracks, threshold=0.1)
    assert len(persons) >= 8 and len(set(persons.tolist())) == 5
    scores = association_scores(names, persons)
    assert scores.pairwise_precision >= 0.5 and scores.idf1 >= 0.6, scores
    alone = association_scores(np.arange(len(persons)), persons)
    together = association_scores(np.zeros(len(persons), int), persons)
    assert scores.idf1 > max(alone.idf1, together.idf1)


def test_a_tracker_follows_them_by_what_a_detector_sees(footage: Path, tmp_path: Path) -> None:
    pytest.importorskip("trackers", reason="the extra [track] is not installed")
    tracks = {
        name: track(detect(footage / f"{name}.mp4", footage / f"{name}.det.txt", min_score=0.1))
        for name in CAMERAS
    }
    names, persons = associated(footage, tmp_path, colours, tracks, threshold=0.1)
    assert len(set(persons.tolist())) >= 4
    assert association_scores(names, persons).idf1 >= 0.5


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not (SHARED / "yolox_nano.onnx").is_file(), reason="../shared/data/weights is not here")
def test_a_published_detector_and_model_find_drawn_people(tmp_path: Path, capsys) -> None:
    pytest.importorskip("trackers", reason="the extra [track] is not installed")
    from videoreid.engine import FeatureExtractor

    footage = synthetic.write_footage(tmp_path / "footage", minutes=0.5, people=12, seed=0, frame_rate=10)
    rules, hits, wanted = IndexRules(), 0, 0
    tracks = {}
    for name in CAMERAS:
        truth = read_mot_ground_truth(footage / f"{name}.gt.txt", min_visibility=0.5)
        found = detect(footage / f"{name}.mp4", SHARED / "yolox_nano.onnx", min_score=rules.min_score)
        frames = [frame._replace(image=np.zeros((1, 1, 3), np.uint8)) for frame in found]
        for frame in frames:
            boxes = frame.boxes[frame.scores >= 0.3] @ TO_SIZE
            overlaps = box_overlaps(truth.boxes[truth.frames == frame.number], boxes)
            hits += int((overlaps.max(axis=1, initial=0.0) >= 0.5).sum())
            wanted += len(overlaps)
        tracks[name] = track(frames)
    extractor = FeatureExtractor("osnet_x0_25", SHARED / "osnet_x0_25_msmt17.pth")
    names, persons = associated(footage, tmp_path / "index", extractor, tracks, threshold=0.3)
    scores = association_scores(names, persons)
    with capsys.disabled():
        print(f"\nrecall {hits / wanted:.3f} of {wanted} boxes that are half visible; association {scores}")
    assert hits / wanted >= 0.6
    assert len(set(persons.tolist())) >= 9
    assert scores.idf1 >= 0.4
