"""Measure the films of the embedded world: drawing speed, recall of a detector, and association over the cameras.

Drawing is timed on one core. Detections come from a network; a drawn person counts as detected if a box overlaps by one
half or more. Tracklets of the tracker are compared with the ground truth; the association uses the threshold that is
best on the first seed, which is left out of the mean.

Example:
    python benchmarks/footage_world.py --detector yolox_nano.onnx --model osnet_x0_25 \
        --weights osnet_x0_25_msmt17.pth --output benchmarks/results/footage_world.json
"""

import argparse
import csv
import json
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from videoreid.analysis import associate, association_scores, forbidden_pairs
from videoreid.data.datasets import synthetic
from videoreid.engine import FeatureExtractor
from videoreid.footage import (
    DetectedFrame,
    Tracks,
    box_overlaps,
    detect,
    match_tracks,
    read_mot_ground_truth,
    track,
)
from videoreid.indexing import index_recording, model_fingerprint
from videoreid.retrieval import Gallery
from videoreid.synthetic_world.filming import film_camera
from videoreid.synthetic_world.walks import FilmOptions, make_film_world
from videoreid.utils import atomic_write_text

THRESHOLDS = [number / 100 for number in range(5, 61, 5)]
SIZE = np.array([[1, 0, -1, 0], [0, 1, 0, -1], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=float)


def drawn_per_second(seconds: float) -> dict[str, float]:
    """Return frames of 640x360 drawn, and drawn and encoded, by one core in a second of its time."""
    world, rates = make_film_world(FilmOptions(minutes=seconds / 60)), {}
    for name in ("drawn", "drawn_and_encoded"):
        frames, begin = 0, time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            for camera in range(3):
                path = str(Path(folder) / f"{camera}.mp4")
                video = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 360))
                for frame in film_camera(world, camera):
                    frames += 1
                    if name != "drawn":
                        video.write(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR))
                video.release()
        rates[name] = round(frames / (time.process_time() - begin), 1)
    return rates


def recall(frames: list[DetectedFrame], truth: Tracks) -> tuple[int, int]:
    """Return how many true boxes are found by boxes of score 0.3 or more, and how many there are."""
    hits = wanted = 0
    for frame in frames:
        overlaps = box_overlaps(
            truth.boxes[truth.frames == frame.number], frame.boxes[frame.scores >= 0.3] @ SIZE
        )
        hits += int((overlaps.max(axis=1, initial=0.0) >= 0.5).sum())
        wanted += len(overlaps)
    return hits, wanted


def one_world(arguments: argparse.Namespace, seed: int, extractor: FeatureExtractor) -> dict:
    """Film a world and go the whole way; return counts, and IDF1 of the association by threshold."""
    counts = {"boxes": 0, "found": 0, "half_visible": 0, "half_visible_found": 0}
    with tempfile.TemporaryDirectory() as place:
        folder = synthetic.write_footage(
            Path(place) / "footage", minutes=arguments.minutes, people=20, seed=seed, frame_rate=10
        )
        gallery = Gallery.open(
            Path(place) / "index", fingerprint=model_fingerprint(extractor.model), create=True
        )
        people = {}
        with (folder / "identities.csv").open(newline="") as file:
            who = {(row["camera"], int(row["track"])): int(row["person"]) for row in csv.DictReader(file)}
        for name in ("camera1", "camera2", "camera3"):
            frames = list(detect(folder / f"{name}.mp4", arguments.detector, min_score=0.1))
            for least, key in ((0.0, ""), (0.5, "half_visible")):
                truth = read_mot_ground_truth(folder / f"{name}.gt.txt", min_visibility=least)
                hits, wanted = recall(frames, truth)
                counts[key or "boxes"] += wanted
                counts[f"{key}_found".lstrip("_")] += hits
            tracks = track(frames)
            index_recording(gallery, folder / f"{name}.mp4", extractor, camera=name, tracks=tracks)
            matched = match_tracks(tracks, read_mot_ground_truth(folder / f"{name}.gt.txt"))
            people |= {f"{name}:{number}": who[name, true] for number, true in matched.items()}
        known = [place for place, key in enumerate(gallery.keys) if key in people]
        persons = np.array([people[gallery.keys[place]] for place in known])
        apart, scores = forbidden_pairs(gallery.timed_features), {}
        for threshold in THRESHOLDS:
            names = associate(gallery.features, threshold=threshold, forbidden=apart)
            found = association_scores(names[known], persons)
            scores[threshold] = {
                "idf1": found.idf1,
                "pairwise_f1": found.pairwise_f1,
                "bcubed_f1": found.bcubed_f1,
            }
    return {"counts": counts, "tracklets": len(known), "people": len(set(persons.tolist())), "scores": scores}


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", help="ONNX file; without one only the drawing is timed")
    parser.add_argument("--model", default="osnet_x0_25")
    parser.add_argument("--weights", default="")
    parser.add_argument("--minutes", type=float, default=0.5, help="minutes of each recording")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    results: dict[str, object] = {"frames_per_core_second": drawn_per_second(4.0)}
    if arguments.detector:
        extractor = FeatureExtractor(arguments.model, arguments.weights)
        worlds = {seed: one_world(arguments, seed, extractor) for seed in arguments.seeds}
        first = worlds[arguments.seeds[0]]["scores"]
        best = max(THRESHOLDS, key=lambda threshold: first[threshold]["idf1"])
        total = {
            key: sum(world["counts"][key] for world in worlds.values())
            for key in worlds[arguments.seeds[0]]["counts"]
        }
        results["recall"] = round(total["found"] / total["boxes"], 3)
        results["recall_of_half_visible"] = round(total["half_visible_found"] / total["half_visible"], 3)
        results["boxes"] = total["boxes"]
        results["threshold"] = best
        for key in ("idf1", "pairwise_f1", "bcubed_f1"):
            values = [worlds[seed]["scores"][best][key] for seed in arguments.seeds[1:]]
            results[key] = {"mean": round(statistics.mean(values), 3), "each": [round(v, 3) for v in values]}
        results["tracklets"] = [world["tracklets"] for world in worlds.values()]
        results["people"] = [world["people"] for world in worlds.values()]
    text = json.dumps(results, indent=2)
    print(text)
    if arguments.output is not None:
        atomic_write_text(arguments.output, text + "\n")


if __name__ == "__main__":
    main()
