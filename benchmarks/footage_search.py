"""Search from the raw video: the first half of a recording is indexed, the people of the second half are looked for.

Detections, tracks and embeddings come from the video alone; a track file only says who is who. Tracks of ours get the
identity of the given track with which most of their boxes overlap by one half or more. Beside them stand the figures
that the given tracks themselves yield.

Example:
    python benchmarks/footage_search.py --video video.avi --tracks tracks.txt --detector yolox_nano.onnx \
        --model osnet_x0_25 --weights osnet_x0_25_msmt17.pth --output benchmarks/results/footage_search.json
"""

import argparse
import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from videoreid.data.video import frame_rate, iterate_frames
from videoreid.engine import FeatureExtractor
from videoreid.footage import Tracks, detect, match_tracks, read_tracks, track
from videoreid.indexing import IndexRules, crop_of_box, index_recording, model_fingerprint
from videoreid.metrics import evaluate_features
from videoreid.retrieval import Gallery
from videoreid.types import Features
from videoreid.utils import atomic_write_text

NOBODY = 100_000  # tracks that follow nobody of the track file are people of their own


def halve(video: str, folder: Path) -> tuple[list[Path], int]:
    """Write both halves of a video without loss; return them and the first frame of the second."""
    count = sum(1 for _ in iterate_frames(video))
    middle, paths, writer = (count + 1) // 2, [folder / "first.avi", folder / "second.avi"], None
    for frame in iterate_frames(video):
        if frame.number in (0, middle):
            size = frame.image.shape[1::-1]
            path = str(paths[frame.number > 0])
            writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"FFV1"), frame_rate(video), size)
        writer.write(np.ascontiguousarray(frame.image[..., ::-1]))
    writer.release()
    return paths, middle


def within(tracks: Tracks, first: int, last: int) -> Tracks:
    """Return the part of tracks in frames ``first .. last - 1``, counted from ``first``."""
    part = tracks.select((tracks.frames >= first) & (tracks.frames < last))
    return Tracks(part.frames - first, part.track_ids, part.boxes, part.confidences, source=tracks.source)


def long_enough(tracks: Tracks, length: int) -> Tracks:
    """Leave out tracks of fewer boxes, as the index does."""
    _, places, counts = np.unique(tracks.track_ids, return_inverse=True, return_counts=True)
    return tracks.select(counts[places] >= length)


def indexed(
    video: Path, tracks: Tracks, extractor: FeatureExtractor, rules: IndexRules
) -> tuple[list[int], torch.Tensor]:
    """Return the tracks of a recording, as a gallery holds them, and their embeddings ``(N, D)``."""
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery.open(folder, fingerprint=model_fingerprint(extractor.model), create=True)
        index_recording(gallery, video, extractor, tracks=tracks, rules=rules)
        keys = [int(key.rpartition(":")[2]) for key in gallery.keys]
        return keys, torch.stack([torch.as_tensor(gallery.embedding(key)) for key in gallery.keys])


def one_box_each(video: Path, tracks: Tracks, keys: list[int], extractor: FeatureExtractor) -> torch.Tensor:
    """Return the embeddings of the middle box of each track, the question of somebody who draws one box."""
    rows = [np.flatnonzero(tracks.track_ids == key) for key in keys]
    asked = {key: own[len(own) // 2] for key, own in zip(keys, rows, strict=True)}
    images = {
        frame.number: frame.image
        for frame in iterate_frames(video)
        if frame.number in {int(tracks.frames[row]) for row in asked.values()}
    }
    crops = [crop_of_box(images[int(tracks.frames[row])], tracks.boxes[row]) for row in asked.values()]
    return extractor(crops).cpu()


def scores(
    query: tuple[list[int], torch.Tensor], gallery: tuple[list[int], torch.Tensor], known: set[int]
) -> dict:
    """Rank; people who are known to be in the first half and were not followed there count as missed."""
    asked = [place for place, person in enumerate(query[0]) if person in known]
    features = [
        Features(table.float(), np.array(people), np.full(len(people), camera))
        for camera, (people, table) in enumerate([gallery, query])
    ]
    ranking = evaluate_features(features[1], features[0], protocol="cross_camera", dataset="halves")
    summary, found = ranking.summary(), len(set(gallery[0]) & set(query[0]))
    matched = sum(person in set(gallery[0]) for person in query[0])
    return {
        "queries": len(asked),
        "queries_followed_in_both": matched,
        "people_in_both": found,
        "gallery": len(gallery[0]),
        "rank1": round(float(summary["rank1"]) * matched / len(asked), 4),
        "rank5": round(float(summary["rank5"]) * matched / len(asked), 4),
        "mAP": round(float(summary["mAP"]) * matched / len(asked), 4),
        "protocol": ranking.protocol_line,
    }


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", required=True)
    parser.add_argument("--tracks", required=True, help="track file in MOT format that says who is who")
    parser.add_argument("--detector", default="yolox_nano")
    parser.add_argument("--model", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--every", type=int, default=1, help="look at every n-th frame only")
    parser.add_argument("--output", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    extractor = FeatureExtractor(arguments.model, arguments.weights)
    rules, truth = IndexRules(every=arguments.every), read_tracks(arguments.tracks)
    results: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        halves, middle = halve(arguments.video, Path(folder))
        given = [within(truth, 0, middle), within(truth, middle, int(truth.frames.max()) + 1)]
        given = [long_enough(part, rules.min_length) for part in given]
        known = set(given[0].track_ids.tolist())
        for name in ("given", "raw"):
            sides, boxes = [], None
            for video, own in zip(halves, given, strict=True):
                tracks, people = own, {key: key for key in own.track_ids.tolist()}
                if name == "raw":
                    found = detect(video, arguments.detector, min_score=rules.min_score, every=rules.every)
                    tracks = long_enough(track(found, rules.tracker), rules.min_length)
                    people = match_tracks(tracks, own)
                keys, table = indexed(video, tracks, extractor, rules)
                persons = [people.get(key, NOBODY + key) for key in keys]
                sides.append((persons, table))
                boxes = (persons, one_box_each(video, tracks, keys, extractor))
            results[f"{name}, by tracklet"] = scores(sides[1], sides[0], known)
            results[f"{name}, by one box"] = scores(boxes, sides[0], known)
    text = json.dumps({"every": rules.every, "model": arguments.model, "results": results}, indent=2)
    print(text)
    if arguments.output is not None:
        atomic_write_text(arguments.output, text + "\n")


if __name__ == "__main__":
    main()
