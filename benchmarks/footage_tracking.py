"""Score detection and tracking of a recording against a track file: recall, precision, IDF1, HOTA, frames per second.

Example:
    python benchmarks/footage_tracking.py --video video.avi --tracks tracks.txt --detector yolox_nano.onnx
"""

import argparse
import time

import numpy as np
from scipy.optimize import linear_sum_assignment
from trackers.eval import box_iou, compute_clear_metrics, compute_hota_metrics, compute_identity_metrics

from videoreid.engine import FeatureExtractor
from videoreid.footage import DetectedFrame, Tracks, cut_switches, detect, embed_boxes, read_tracks, track

SCORES = (0.1, 0.2, 0.3, 0.4)
SHORTEST = 5  # boxes of a track
MATCH = 0.5  # intersection over union


def corners(tracks: Tracks, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes ``(N, 4)`` as left, top, right, bottom and ids ``(N,)`` of a frame."""
    rows = tracks.frames == frame
    boxes = tracks.boxes[rows].copy()
    boxes[:, 2:] += boxes[:, :2]
    return boxes, tracks.track_ids[rows]


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of every pair, also of none."""
    return box_iou(first, second) if len(first) and len(second) else np.zeros((len(first), len(second)))


def score_detections(truth: Tracks, frames: list[DetectedFrame]) -> None:
    """Print recall and precision by the lowest score."""
    for lowest in SCORES:
        hits = found = wanted = 0
        for frame in frames:
            boxes, _ = corners(truth, frame.number)
            pairs = overlap(boxes, frame.boxes[frame.scores >= lowest])
            rows, columns = linear_sum_assignment(-pairs)
            hits += int((pairs[rows, columns] >= MATCH).sum())
            found, wanted = found + pairs.shape[1], wanted + len(boxes)
        print(f"score from {lowest}: recall {hits / wanted:.3f}, precision {hits / max(found, 1):.3f}")


def score_tracks(truth: Tracks, tracks: Tracks, frames: int) -> str:
    """Return a line of the tracking scores."""
    true_ids, ids, pairs = [], [], []
    for frame in range(frames):
        (boxes, names), (others, other_names) = corners(truth, frame), corners(tracks, frame)
        true_ids.append(names)
        ids.append(other_names)
        pairs.append(overlap(boxes, others))
    identity = compute_identity_metrics(true_ids, ids, pairs)
    hota = compute_hota_metrics(true_ids, ids, pairs)
    clear = compute_clear_metrics(true_ids, ids, pairs)
    return (
        f"IDF1 {identity['IDF1']:.3f}, HOTA {float(hota['HOTA']):.3f}, identity switches {clear['IDSW']}, "
        f"{len(set(tracks.track_ids.tolist()))} tracks"
    )


def score_cuts(arguments: argparse.Namespace, truth: Tracks, tracks: Tracks, frames: int) -> None:
    """Print the tracking scores after cuts at suspected switches, by threshold."""
    extractor = FeatureExtractor(arguments.model, arguments.weights)
    long = np.unique(tracks.track_ids, return_inverse=True, return_counts=True)
    tracks = tracks.select(long[2][long[1]] >= SHORTEST)
    embeddings = embed_boxes(
        arguments.video, tracks, lambda crops: np.asarray(extractor(crops).cpu()), every=4
    )
    for threshold in (0.15, 0.2, 0.25, 0.3, 0.4):
        cut, cuts = cut_switches(tracks, embeddings, threshold=threshold)
        print(f"    cut from {threshold}: {cuts} cuts, {score_tracks(truth, cut, frames)}")


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", required=True)
    parser.add_argument("--tracks", required=True, help="track file in MOT format to measure against")
    parser.add_argument("--detector", default="yolox_nano")
    parser.add_argument("--model", help="network that finds identity switches")
    parser.add_argument("--weights", help="its checkpoint")
    parser.add_argument("--trackers", nargs="+", default=["bytetrack", "ocsort"])
    arguments = parser.parse_args()
    truth = read_tracks(arguments.tracks)
    begin, processor = time.perf_counter(), time.process_time()
    blank = np.zeros((1, 1, 3), np.uint8)
    frames = [
        frame._replace(image=blank)
        for frame in detect(arguments.video, arguments.detector, min_score=SCORES[0])
    ]
    seconds, processor = time.perf_counter() - begin, time.process_time() - processor
    print(
        f"detection: {len(frames) / seconds:.1f} frames/s, {1000 * processor / len(frames):.1f} ms of processor a frame"
    )
    score_detections(truth, frames)
    for name in arguments.trackers:
        for lowest in (0.1, 0.3):
            kept = [
                frame._replace(
                    boxes=frame.boxes[frame.scores >= lowest], scores=frame.scores[frame.scores >= lowest]
                )
                for frame in frames
            ]
            begin = time.perf_counter()
            tracks = track(kept, name)
            rate = len(frames) / (time.perf_counter() - begin)
            scores = score_tracks(truth, tracks, frames[-1].number + 1)
            print(f"{name}, boxes from {lowest}: {scores}, {rate:.0f} frames/s")
            if arguments.model is not None and name == arguments.trackers[0] and lowest == SCORES[0]:
                score_cuts(arguments, truth, tracks, frames[-1].number + 1)


if __name__ == "__main__":
    main()
