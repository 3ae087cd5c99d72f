"""Measure search in raw video: earlier footage is indexed, and people of later footage are searched.

Detections, tracks and embeddings come from the video; a track file is used only for the identities: a track gets the
person of the given track with which most of its boxes overlap by one half or more. The scores of the given tracks are
reported for comparison. Footage is divided in two ways:

- "recording": the first half of the recording is indexed, and people of the second half are searched; the tracker
  restarts there. Few people are in both halves if the track file has fragmented tracks.
- "people": for every person of the track file the earlier half of the boxes is indexed; the later half is the query.

Each query is searched twice: with the whole tracklet, and with its middle box only.

Example:
    python benchmarks/footage_search.py --video video.avi --tracks tracks.txt --detector yolox_nano.onnx \
        --model osnet_x0_25 --weights osnet_x0_25_msmt17.pth --output benchmarks/results/footage_search.json
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from videoreid.data.video import iterate_frames
from videoreid.engine import FeatureExtractor
from videoreid.errors import ProtocolError
from videoreid.footage import DetectedFrame, Tracks, detect, match_tracks, read_tracks, track
from videoreid.indexing import IndexRules, crop_of_box, index_recording, model_fingerprint
from videoreid.metrics import evaluate_features
from videoreid.retrieval import Gallery
from videoreid.types import Features
from videoreid.utils import atomic_write_text

NOBODY = 100_000  # tracks that follow nobody of the track file are people of their own
Side = tuple[list[int], torch.Tensor]  # persons and embeddings


def long_enough(tracks: Tracks, length: int) -> Tracks:
    """Leave out tracks of fewer boxes, as the index does."""
    _, places, counts = np.unique(tracks.track_ids, return_inverse=True, return_counts=True)
    return tracks.select(counts[places] >= length)


def indexed(video: str, tracks: Tracks, people: Mapping[int, int], extractor: FeatureExtractor) -> Side:
    """Return the persons of the tracks that a gallery holds, and the tracks' embeddings ``(N, D)``."""
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery.open(folder, fingerprint=model_fingerprint(extractor.model), create=True)
        index_recording(gallery, video, extractor, tracks=tracks)
        keys = [int(key.rpartition(":")[2]) for key in gallery.keys]
        table = torch.stack([torch.as_tensor(gallery.embedding(key)) for key in gallery.keys])
    return [people.get(key, NOBODY + key) for key in keys], table


def by_one_box(video: str, tracks: Tracks, people: Mapping[int, int], extractor: FeatureExtractor) -> Side:
    """Return the same for the middle box of each track, the question of somebody who draws one box."""
    keys = sorted(set(tracks.track_ids.tolist()))
    middle = [own[len(own) // 2] for own in (np.flatnonzero(tracks.track_ids == key) for key in keys)]
    wanted = {int(tracks.frames[row]) for row in middle}
    images = {frame.number: frame.image for frame in iterate_frames(video) if frame.number in wanted}
    crops = [crop_of_box(images[int(tracks.frames[row])], tracks.boxes[row]) for row in middle]
    return [people.get(key, NOBODY + key) for key in keys], extractor(crops).cpu()


def scores(query: Side, gallery: Side, known: set[int]) -> dict:
    """Rank; people who are known to be in the first part and were not followed there count as missed."""
    asked = sum(person in known for person in query[0])
    matched = sum(person in gallery[0] for person in query[0])
    found = {"questions": asked, "of_people_followed_before": matched, "gallery": len(gallery[0])}
    sides = [
        Features(table.float(), np.array(people), np.full(len(people), camera))
        for camera, (people, table) in enumerate([gallery, query])
    ]
    try:
        ranking = evaluate_features(sides[1], sides[0], protocol="cross_camera", dataset="one recording")
    except ProtocolError:  # nobody of them was followed before
        return {**found, "rank1": 0.0, "mAP": 0.0}
    summary, share = ranking.summary(), matched / asked
    found |= {key: round(float(summary[key]) * share, 4) for key in ("rank1", "rank5", "mAP")}
    return {**found, "protocol": ranking.protocol_line}


def ask(
    arguments: argparse.Namespace,
    tracks: Tracks,
    truth: Tracks,
    cuts: Mapping[int, float],
    extractor: FeatureExtractor,
) -> dict:
    """Divide tracks at the frame that ``cuts`` has for their person (-1: for nobody's), index, ask."""
    length = IndexRules().min_length
    people = match_tracks(tracks, truth)
    before = np.array([cuts.get(people.get(name, -1), cuts[-1]) for name in tracks.track_ids.tolist()])
    earlier = long_enough(tracks.select(tracks.frames < before), length)
    later = long_enough(tracks.select(tracks.frames >= before), length)
    true_cuts = np.array([cuts.get(name, cuts[-1]) for name in truth.track_ids.tolist()])
    known = set(long_enough(truth.select(truth.frames < true_cuts), length).track_ids.tolist())
    gallery = indexed(arguments.video, earlier, people, extractor)
    return {
        "by_tracklet": scores(indexed(arguments.video, later, people, extractor), gallery, known),
        "by_one_box": scores(by_one_box(arguments.video, later, people, extractor), gallery, known),
    }


def restarted(frames: list[DetectedFrame], middle: float) -> Tracks:
    """Track both halves of a recording on their own."""
    first, second = (track([f for f in frames if (f.number < middle) == early]) for early in (True, False))
    return Tracks(
        np.concatenate([first.frames, second.frames]),
        np.concatenate([first.track_ids, second.track_ids + 10_000]),
        np.concatenate([first.boxes, second.boxes]),
    )


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", required=True)
    parser.add_argument("--tracks", required=True, help="track file in MOT format with the identities")
    parser.add_argument("--detector", default="yolox_nano")
    parser.add_argument("--model", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--output", type=Path, help="JSON file for the results")
    arguments = parser.parse_args()
    extractor = FeatureExtractor(arguments.model, arguments.weights)
    truth = read_tracks(arguments.tracks)
    blank = np.zeros((1, 1, 3), np.uint8)
    found = detect(arguments.video, arguments.detector, min_score=IndexRules().min_score)
    frames = [frame._replace(image=blank) for frame in found]
    middle = (frames[-1].number + 1) / 2
    of_people = {
        name: float(np.median(truth.frames[truth.track_ids == name]))
        for name in set(truth.track_ids.tolist())
    }
    ways = {
        "recording": (restarted(frames, middle), {-1: middle}),
        "people": (track(frames), {**of_people, -1: middle}),
    }
    results = {}
    for way, (raw, cuts) in ways.items():
        for name, tracks in (("given", truth), ("raw", raw)):
            results[f"{way}, {name} tracks"] = ask(arguments, tracks, truth, cuts, extractor)
    text = json.dumps({"model": arguments.model, "results": results}, indent=2)
    print(text)
    if arguments.output is not None:
        atomic_write_text(arguments.output, text + "\n")


if __name__ == "__main__":
    main()
