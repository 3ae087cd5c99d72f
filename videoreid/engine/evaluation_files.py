"""Write and read scored rankings, from which pictures, tables and reports are made later without the network."""

import json
import os
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videoreid.engine.checkpointing import FORMAT
from videoreid.engine.run_record import note_evaluation
from videoreid.engine.tracklet_lists import TrackletList, read_tracklets, write_tracklets
from videoreid.errors import ConfigError, DatasetError
from videoreid.retrieval import FeatureFile, read_features, write_features
from videoreid.types import EvaluationProtocol, Features, RankedGallery, Ranking, SamePersonRows, Tracklet
from videoreid.utils.staging import staged_outputs

__all__ = ["EVALUATIONS", "StoredEvaluation", "read_evaluation", "save_evaluation"]

EVALUATIONS = "evaluations"
_RANKING, _FEATURES, _TRACKLETS, _SCORES = "ranking.npz", "features.h5", "tracklets.json.gz", "metrics.json"
_ARRAYS = (
    *("average_precision", "inverse_negative_penalty", "first_match", "cmc", "top_indices", "top_distances"),
    *("top_matches", "match_ranks", "match_offsets"),
)
_SAME_PERSON = ("rows", "distances", "is_match", "offsets")
_NAME = re.compile(r"\w[\w.,+ -]*")


@dataclass(frozen=True, eq=False)
class StoredEvaluation:
    """A scored ranking of a run folder, with the ids of its queries.

    Args:
        name: of the evaluation.
        path: folder of the evaluation.
        ranking: as it was scored.
        query_pids: ``(Q,)`` int64.
        query_camids: ``(Q,)`` int64.
        query_lengths: ``(Q,)`` int64, frames of each query; -1 if unknown.
        features_file: file of the ranked features; None if they were not kept.
    """

    name: str
    path: Path
    ranking: Ranking
    query_pids: np.ndarray
    query_camids: np.ndarray
    query_lengths: np.ndarray
    features_file: Path | None = None

    def features(self) -> FeatureFile | None:
        """Return the ranked features; None if they were not kept.

        Raises:
            DatasetError: the file is damaged or missing.
        """
        return None if self.features_file is None else read_features(self.features_file)

    def tracklets(self) -> TrackletList | None:
        """Return queries and gallery with up to 16 frames per tracklet, for pictures; None if they were not kept.

        Raises:
            DatasetError: the list is damaged.
        """
        path = self.path / _TRACKLETS
        return read_tracklets(path, self.path.parents[1]) if path.is_file() else None


def save_evaluation(
    folder: str | os.PathLike[str],
    ranking: Ranking,
    *,
    query: Features,
    gallery: Features,
    name: str = "test",
    tracklets: tuple[Sequence[Tracklet], Sequence[Tracklet]] | TrackletList | None = None,
    features: bool | str | os.PathLike[str] = False,
    notes: Mapping[str, Any] | None = None,
) -> Path:
    """Write a scored ranking into a run folder, and add it to ``run.json``; an interrupted write leaves no file.

    Args:
        folder: of the run; created if it is missing.
        ranking: of ``query`` against ``gallery``.
        query: features of the queries; only their ids are kept, unless ``features`` is set.
        gallery: features of the gallery, as published.
        name: of the evaluation; an older evaluation of this name is replaced.
        tracklets: queries and gallery, for pictures of their frames.
        features: True keeps the features (4 bytes per number); the path of a feature file stores a reference to it.
        notes: plain values for ``run.json``, such as model, command and device.

    Returns:
        The folder of the evaluation.

    Raises:
        ConfigError: the name cannot be the name of a folder.
        StorageError: the disk is full, or the folder cannot be written to.
    """
    if _NAME.fullmatch(name) is None:
        raise ConfigError(
            f"{name!r} cannot name an evaluation: begin with a letter, digit or '_'; then space . , + - are allowed too"
        )
    folder, notes = Path(folder), dict(notes or {})
    place = folder / EVALUATIONS / name
    listed = None if tracklets is None else _listed(tracklets)
    lengths = [-1] * len(query) if listed is None else listed.query_lengths
    with staged_outputs(place, (_RANKING, _FEATURES, _TRACKLETS, _SCORES)) as staging:
        _write_ranking(staging / _RANKING, ranking, query, lengths)
        if features is True:
            write_features(
                staging / _FEATURES,
                query,
                gallery,
                model=str(notes.get("model", "")),
                dataset=ranking.protocol_line.split(" | ")[0],
                protocol=ranking.protocol.name,
            )
        if listed is not None:
            write_tracklets(staging / _TRACKLETS, listed, folder)
        scores = {"format": FORMAT, **ranking.summary(), "cmc": ranking.cmc.tolist()}
        if features and features is not True:
            scores["features"] = _from_here(Path(features), folder, place)
        (staging / _SCORES).write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    note_evaluation(folder, name, notes)
    return place


def read_evaluation(path: str | os.PathLike[str]) -> StoredEvaluation:
    """Read an evaluation of `save_evaluation`.

    Args:
        path: folder of the evaluation.

    Raises:
        DatasetError: the ranking is missing or damaged, or was written by a newer version.
    """
    path = Path(path)
    if not (path / _RANKING).is_file():
        raise DatasetError(f"{path} holds no {_RANKING}: no ranking was stored there")
    try:
        with np.load(path / _RANKING, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            _refuse_newer(path, int(about["format"]))
            arrays = {key: file[key] for key in file.files if key != "about"}
        scores = json.loads((path / _SCORES).read_text(encoding="utf-8"))
        ranking = _ranking(arrays, about)
        pids, camids, lengths = (arrays[f"query_{key}"] for key in ("pids", "camids", "lengths"))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(
            f"{path / _RANKING} cannot be read ({type(error).__name__}): it is damaged; evaluate again"
        ) from error
    own, named = path / _FEATURES, scores.get("features")
    kept = own if own.is_file() else None if named is None else path / named
    return StoredEvaluation(path.name, path, ranking, pids, camids, lengths, kept)


def _listed(tracklets: Any) -> TrackletList:
    return tracklets if isinstance(tracklets, TrackletList) else TrackletList.of(*tracklets)


def _from_here(file: Path, folder: Path, place: Path) -> str:
    """Return a path relative to ``place`` for a file in the run folder, which may be moved; else an absolute path."""
    file = file.resolve()
    return os.path.relpath(file, place.resolve()) if file.is_relative_to(folder.resolve()) else str(file)


def _write_ranking(path: Path, ranking: Ranking, query: Features, lengths: Sequence[int]) -> None:
    gallery = ranking.gallery
    about = {
        "format": FORMAT,
        "protocol": asdict(ranking.protocol),
        "protocol_line": ranking.protocol_line,
        "query_start": None if gallery is None else gallery.query_start,
    }
    arrays = {name: getattr(ranking, name) for name in _ARRAYS}
    if gallery is not None:
        arrays |= {"gallery_pids": gallery.pids, "gallery_camids": gallery.camids}
    if ranking.same_person is not None:
        arrays |= {f"same_person_{name}": getattr(ranking.same_person, name) for name in _SAME_PERSON}
    arrays |= {"query_pids": query.pids, "query_camids": query.camids, "query_lengths": np.asarray(lengths)}
    np.savez_compressed(path, about=np.array(json.dumps(about)), **arrays)


def _ranking(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> Ranking:
    rules = dict(about["protocol"])
    rules["junk_pids"] = tuple(rules["junk_pids"])
    gallery = None
    if "gallery_pids" in arrays:
        count = len(arrays["query_pids"])
        gallery = RankedGallery(arrays["gallery_pids"], arrays["gallery_camids"], about["query_start"], count)
    same = None
    if "same_person_rows" in arrays:
        same = SamePersonRows(*(arrays[f"same_person_{name}"] for name in _SAME_PERSON))
    values: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
    values |= {"protocol": EvaluationProtocol(**rules), "protocol_line": about["protocol_line"]}
    return Ranking(**values, gallery=gallery, same_person=same)


def _refuse_newer(path: Path, number: int) -> None:
    if number > FORMAT:
        raise DatasetError(
            f"{path} is an evaluation of layout {number}; this version reads layouts up to {FORMAT}: update videoreid"
        )
