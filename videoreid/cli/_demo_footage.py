"""The demo of footage: film the synthetic world, track its people, find three of them, and associate all tracks."""

import argparse
import contextlib
import io
import json
import shlex
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli import main
from videoreid.cli._demo_network import FRAMES, MODEL, SIZE, build_network, repeatable, train_network
from videoreid.errors import ConfigError, MissingExtraError, VideoReIDError

if TYPE_CHECKING:
    from videoreid.models import ReIDModel
    from videoreid.types import Splits

__all__ = ["NETWORK", "film_and_find"]

NETWORK = "model.safetensors"
_CAMERAS, _FRAME_RATE = 3, 10
_MINUTES, _FAST_MINUTES = 1.0, 0.3
_PEOPLE, _FAST_PEOPLE = 20, 8
_IDENTITIES, _FAST_IDENTITIES = 250, 40
_STEPS, _FAST_STEPS = 250, 30
_ASKED, _SHOWN = 3, 5
_DISTANCES = [number / 100 for number in range(2, 71, 2)]  # candidates for the threshold of the association
_START = "2024-05-01T08:00"  # of all recordings


@dataclass(frozen=True)
class _Place:
    """The folders and file names of a demo."""

    output: Path

    @property
    def names(self) -> list[str]:
        return [f"camera{number}" for number in range(1, _CAMERAS + 1)]

    def video(self, name: str) -> Path:
        return self.output / "footage" / f"{name}.mp4"

    def truth(self, name: str) -> Path:
        return self.output / "footage" / f"{name}.gt.txt"

    def detections(self, name: str) -> Path:
        return self.output / "footage" / f"{name}.det.txt"

    def tracks(self, name: str) -> Path:
        return self.output / "tracks" / f"{name}.txt"

    @property
    def index(self) -> Path:
        return self.output / "index"


def film_and_find(args: argparse.Namespace) -> int:
    """Film, track, index, find, associate; return 0."""
    from videoreid.utils import atomic_write_text, setup_logging

    log, began = setup_logging(), time.perf_counter()
    place = _Place(args.output)
    place.output.mkdir(parents=True, exist_ok=True)
    with repeatable(args.seed):
        threshold = _network(args, place)
    log.info("filming other people of the synthetic world with %d cameras", _CAMERAS)
    _film(args, place)
    _follow(place)
    if (place.index / "gallery.json").is_file():
        shutil.rmtree(place.index)  # of an earlier run of this demo
    people = {name: _people_of_tracks(place, name) for name in place.names}
    videos = [str(place.video(name)) for name in place.names]
    tracks = [str(place.tracks(name)) for name in place.names]
    made = ["--model", MODEL, "--weights", str(place.output / NETWORK), "--cameras", *place.names]
    starts = ["--starts", *[_START] * _CAMERAS]
    _call(["index", "add", str(place.index), *videos, "--tracks", *tracks, *made, *starts])
    for page in place.output.glob("person[0-9].html"):  # of an earlier run
        page.unlink()
    lines = [_find(place, number, question, people) for number, question in enumerate(_questions(place), 1)]
    _call(["associate", str(place.index), "--threshold", f"{threshold:.4f}", "--output", str(place.output)])
    lines.append(_score_association(place, people, threshold))
    text = "\n".join(lines)
    atomic_write_text(place.output / "footage.txt", text + "\n")
    print(text)
    pages = ", ".join(f"person{number}.html" for number in range(1, len(lines)))
    print(f"wrote footage.txt, {pages}, people.html and identities.csv to {args.output}")
    log.info("took %.1f minutes", (time.perf_counter() - began) / 60)
    return 0


def _network(args: argparse.Namespace, place: _Place) -> float:
    """Load the network of an earlier demo, or train one; return its distance threshold on synthetic test people."""
    from videoreid.data.datasets import build_dataset
    from videoreid.models import from_pretrained, save_pretrained
    from videoreid.utils import get_logger

    log, file = get_logger("demo"), place.output / NETWORK
    identities = args.identities or (_FAST_IDENTITIES if args.fast else _IDENTITIES)
    splits = build_dataset("synthetic", args.root, identities=identities, seed=args.seed)
    if file.is_file():
        log.info("loading the network %s of an earlier demo", file)
        model = from_pretrained(file)
    else:
        steps = args.steps if args.steps is not None else (_FAST_STEPS if args.fast else _STEPS)
        if steps < 1:
            raise ConfigError(f"--steps must be 1 or more, got {steps}")
        log.info("training %s for %d steps on %d people", MODEL, steps, splits.num_train_pids)
        model = build_network(splits)
        train_network(model, splits, steps, args)
        save_pretrained(model, file)
    return _threshold(model, splits, args.workers)


def _threshold(model: "ReIDModel", splits: "Splits", workers: int) -> float:
    """Return the distance threshold that associates synthetic test people best; none of them is filmed."""
    from videoreid.analysis import associate, association_scores
    from videoreid.data import build_transform, eval_loader
    from videoreid.engine import extract_features

    known = [tracklet for tracklet in (*splits.query, *splits.gallery) if tracklet.pid > 0]
    people = sorted({tracklet.pid for tracklet in known})[:_PEOPLE]
    chosen = [tracklet for tracklet in known if tracklet.pid in people]
    transform = build_transform("basic", SIZE, train=False)
    loader = eval_loader(chosen, num_frames=FRAMES, transform=transform, workers=workers)
    features = extract_features(model, loader, progress=False)
    scores = {
        distance: association_scores(associate(features, threshold=distance), features.pids).idf1
        for distance in _DISTANCES
    }
    return max(scores, key=lambda distance: (scores[distance], -distance))


def _film(args: argparse.Namespace, place: _Place) -> None:
    from videoreid.data.datasets import synthetic

    minutes, people = (_FAST_MINUTES, _FAST_PEOPLE) if args.fast else (_MINUTES, _PEOPLE)
    wanted = {"cameras": _CAMERAS, "minutes": minutes, "people": people, "seed": args.seed}
    wanted["frame_rate"] = _FRAME_RATE
    card = place.output / "footage" / "world.json"
    if not card.is_file():
        synthetic.write_footage(card.parent, **wanted)
    elif any(json.loads(card.read_text()).get(name) != value for name, value in wanted.items()):
        raise ConfigError(f"{card.parent} was filmed with other options: name another folder with --output")


def _follow(place: _Place) -> None:
    """Track the simulated detections; without the extra [track], take the true tracks."""
    from videoreid.footage import detect, read_mot_ground_truth, track, write_tracks
    from videoreid.utils import get_logger

    for name in place.names:
        try:
            tracks = track(detect(place.video(name), place.detections(name), min_score=0.1), source=name)
        except MissingExtraError as error:
            get_logger("demo").warning("%s; the true tracks are used instead of a tracker's", error)
            tracks = read_mot_ground_truth(place.truth(name), min_visibility=0.3)
        place.tracks(name).parent.mkdir(exist_ok=True)
        write_tracks(tracks, place.tracks(name))


def _people_of_tracks(place: _Place, name: str) -> dict[int, int]:
    """Return the person of each track of a camera from the ground truth; tracks without a person are dropped."""
    from videoreid.footage import match_tracks, read_mot_ground_truth, read_tracks

    persons = _persons(place, name)
    matched = match_tracks(read_tracks(place.tracks(name)), read_mot_ground_truth(place.truth(name)))
    return {track: persons[true] for track, true in matched.items()}


def _persons(place: _Place, name: str) -> dict[int, int]:
    """Return the person of each true track of a camera."""
    from videoreid.footage import read_identities, read_mot_ground_truth

    ids = [set(read_mot_ground_truth(place.truth(other)).track_ids.tolist()) for other in place.names]
    videos = [str(place.video(other)) for other in place.names]
    known, _ = read_identities(place.output / "footage" / "identities.csv", videos, ids)
    return known[place.names.index(name)]


def _questions(place: _Place) -> list[tuple[str, int, int, str]]:
    """Choose people that two or more cameras see; return camera, person, frame and box of each."""
    import numpy as np

    from videoreid.footage import read_mot_ground_truth

    persons = {name: _persons(place, name) for name in place.names}
    chosen: list[tuple[str, int, int, str]] = []
    for name in place.names:
        truth = read_mot_ground_truth(place.truth(name))
        elsewhere = {person for other in place.names if other != name for person in persons[other].values()}
        for track, person in sorted(persons[name].items()):
            if person in elsewhere - {other for _, other, _, _ in chosen}:
                rows = np.flatnonzero(truth.track_ids == track)
                best = rows[
                    np.lexsort((-truth.boxes[rows, 3], -truth.confidences[rows]))[0]
                ]  # whole, and large
                box = ",".join(f"{value:.0f}" for value in truth.boxes[best])
                chosen.append((name, person, int(truth.frames[best]), box))
    return chosen[:_ASKED]


def _find(
    place: _Place, number: int, question: tuple[str, int, int, str], people: dict[str, dict[int, int]]
) -> str:
    """Search one person in the other cameras; return the ranks of the right answers as text."""
    name, person, frame, box = question
    others = [option for other in place.names if other != name for option in ("--camera", other)]
    asked = ["--video", str(place.video(name)), "--frame", str(frame), "--box", box]
    shown = ["--top", str(_SHOWN), "--page", str(place.output / f"person{number}.html"), "--json"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        _call(["find", str(place.index), *asked, *others, *shown])
    answers = [answer["key"].rpartition(":")[::2] for answer in json.loads(printed.getvalue())]
    right = [
        rank for rank, (where, track) in enumerate(answers, 1) if people[where].get(int(track)) == person
    ]
    ranks = ", ".join(map(str, right)) if right else "none"
    return f"person {person} of {name}, frame {frame}: right answers among the first {_SHOWN}: {ranks}"


def _score_association(place: _Place, people: dict[str, dict[int, int]], threshold: float) -> str:
    """Return the scores of the written identities against the ground truth as text."""
    import csv

    import numpy as np

    from videoreid.analysis import association_scores

    with (place.output / "identities.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found, true = [], []
    for row in rows:
        where, _, track = row["key"].rpartition(":")
        person = people[where].get(int(track))
        if person is not None:
            found.append(int(row.get("identity", row.get("id", ""))))
            true.append(person)
    scores = association_scores(np.array(found), np.array(true))
    return (
        f"association of {len(found)} tracklets of {len(set(true))} people at the distance {threshold:.3f}: "
        f"IDF1 {scores.idf1:.3f}, pairwise F1 {scores.pairwise_f1:.3f}, B-cubed F1 {scores.bcubed_f1:.3f}"
    )


def _call(arguments: list[str]) -> None:
    """Print a command of this library and run it."""
    print(f"$ videoreid {shlex.join(arguments)}", file=sys.stderr)
    if main(arguments):
        raise VideoReIDError("the demo failed because the command above failed")
