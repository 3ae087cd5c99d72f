"""Plots of stored features for a report: distances, ROC, calibration, cameras, people, transitions."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from videoreid.engine import StoredEvaluation
from videoreid.errors import ConfigError, DatasetError, MissingExtraError, ProtocolError
from videoreid.metrics import (
    PairDistances,
    SpatialTemporalModel,
    camera_pair_rank1,
    fit_logistic,
    pair_distances,
)
from videoreid.reporting.page import figure
from videoreid.retrieval import FeatureFile
from videoreid.types import Features
from videoreid.utils import generator_from
from videoreid.visual import (
    PlotFiles,
    plot_camera_pairs,
    plot_distances,
    plot_embedding,
    plot_reliability,
    plot_roc,
    plot_transitions,
)

__all__ = ["plots_of_features"]

_PAIRS = 5_000_000  # largest number of pairs in a histogram


def plots_of_features(stored: StoredEvaluation, folder: Path, missing: list[str]) -> list[str]:
    """Return the plots that need features, as pieces of a page.

    Args:
        stored: the evaluation.
        folder: to write the plots into.
        missing: list that receives the reason for each plot that cannot be made.
    """
    try:
        file = stored.features()
    except (DatasetError, ProtocolError) as error:
        missing.append(f"distances, ROC, cameras and people: {error}")
        return []
    if file is None:
        missing.append(
            "distances, ROC, cameras and people: the features were not kept; evaluate again with save_features=True, "
            "or --save-features on the command line"
        )
        return []
    pieces = []
    for name, caption, draw in _PLOTS:
        try:
            pieces.append(figure(draw(stored, file, folder / name), caption))
        except (ConfigError, ProtocolError, MissingExtraError) as error:
            missing.append(f"{name.replace('_', ' ')}: {error}")
    return pieces


def _distance(stored: StoredEvaluation) -> str:
    """Return the distance of the protocol line, before any refiner."""
    words = [part.removeprefix("distance ") for part in stored.ranking.protocol_line.split(" | ")
             if part.startswith("distance ")]  # fmt: skip
    return words[0] if words and words[0] in ("cosine", "euclidean", "squared_euclidean") else "cosine"


def _pairs(stored: StoredEvaluation, query: Features, gallery: Features) -> PairDistances:
    share = min(1.0, _PAIRS / max(len(query) * len(gallery), 1))
    return pair_distances(
        query, gallery, protocol=stored.ranking.protocol, distance=_distance(stored), impostor_share=share
    )


def _draw_distances(stored: StoredEvaluation, file: FeatureFile, path: Path) -> PlotFiles:
    pairs = _pairs(stored, file.query, file.gallery)
    bins = int(np.clip(2 * len(pairs.genuine) ** 0.5, 20, 100))  # with few pairs, narrow bins are noisy
    return plot_distances(pairs, path, bins=bins, note=stored.ranking.protocol_line)


def _draw_roc(stored: StoredEvaluation, file: FeatureFile, path: Path) -> PlotFiles:
    pairs = _pairs(stored, file.query, file.gallery)
    return plot_roc({stored.name: pairs}, path, note=stored.ranking.protocol_line)


def _draw_reliability(stored: StoredEvaluation, file: FeatureFile, path: Path) -> PlotFiles:
    """Fit on one half of the people and draw the other half, with as many pairs of two persons as of one."""
    people = np.unique(file.query.pids)
    half = generator_from(0).permutation(people)[: len(people) // 2]
    halves = [
        _balanced(_pairs(stored, file.query.select(mine), file.gallery.select(theirs)))
        for mine, theirs in (
            (np.isin(file.query.pids, half), np.isin(file.gallery.pids, half)),
            (~np.isin(file.query.pids, half), ~np.isin(file.gallery.pids, half)),
        )
    ]
    calibration, test = fit_logistic(halves[0]), halves[1]
    predicted = np.concatenate([calibration(test.genuine), calibration(test.impostor)])
    same = np.arange(len(predicted)) < len(test.genuine)
    note = "logistic, fitted on one half of the people and drawn for the other, pairs balanced | "
    return plot_reliability(predicted, same, path, note=note + stored.ranking.protocol_line)


def _balanced(pairs: PairDistances) -> PairDistances:
    count = min(len(pairs.genuine), len(pairs.impostor))
    generator = generator_from(1)
    return PairDistances(
        generator.choice(pairs.genuine, count, replace=False),
        generator.choice(pairs.impostor, count, replace=False),
    )


def _draw_cameras(stored: StoredEvaluation, file: FeatureFile, path: Path) -> PlotFiles:
    rates = camera_pair_rank1(
        file.query, file.gallery, protocol=stored.ranking.protocol, distance=_distance(stored)
    )
    return plot_camera_pairs(rates, path, note=stored.ranking.protocol_line)


def _draw_people(stored: StoredEvaluation, file: FeatureFile, path: Path) -> PlotFiles:
    searched = file.query.concat(file.gallery)
    return plot_embedding(searched, path, note=stored.ranking.protocol_line)


def _draw_transitions(stored: StoredEvaluation, file: FeatureFile, path: Path) -> PlotFiles:
    train = file.train
    if train is None or np.isnan(train.times).any():
        raise ConfigError("the feature file has no training rows with times")
    model = SpatialTemporalModel.fit(
        pids=train.pids, camids=train.camids, times=train.times, end_times=train.end_times
    )
    return plot_transitions(model, path)


_PLOTS: tuple[tuple[str, str, Callable[[StoredEvaluation, FeatureFile, Path], PlotFiles]], ...] = (
    ("distances", "Distances of pairs of the same and of different persons", _draw_distances),
    ("roc", "ROC of pairs", _draw_roc),
    ("reliability", "Reliability of probabilities from distances", _draw_reliability),
    ("camera_pairs", "Rank-1 by camera pair, from distances without refiners", _draw_cameras),
    ("people", "Embeddings of ten people", _draw_people),
    ("transitions", "Transition times between cameras in the training set", _draw_transitions),
)
