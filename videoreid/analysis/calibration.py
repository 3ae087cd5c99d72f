"""Calibration from labelled pairs: the probability of "same person" by distance."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videoreid.errors import ConfigError, DatasetError
from videoreid.metrics import PairDistances, expected_calibration_error, fit_isotonic, fit_logistic
from videoreid.retrieval import Gallery, GalleryCalibration
from videoreid.utils import generator_from

__all__ = ["LabelledPairs", "calibrate_pairs", "held_out_probabilities", "pairs_of_gallery", "read_pairs"]

_LEAST, _MANY, _FOLDS, _MOST = 10, 200, 5, 1_000_000
_GRID = np.linspace(0.0, 2.0, 401)
_WORDS = {
    **dict.fromkeys(("1", "yes", "true", "right", "same"), True),
    **dict.fromkeys(("0", "no", "false", "wrong", "different"), False),
}


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """Pairs of tracklets with labels: one person or two.

    Args:
        distances: ``(n,)`` cosine distances.
        same: ``(n,)`` bool.
        groups: ``(n,)`` int64; pairs of one group, such as those of one query, stay in one fold.
        share: share of pairs of one person in the data that the pairs were drawn from; None if it is that of the pairs.
    """

    distances: np.ndarray
    same: np.ndarray
    groups: np.ndarray
    share: float | None = None

    def __len__(self) -> int:
        return len(self.distances)


def calibrate_pairs(
    pairs: LabelledPairs, *, prior: float | None = None, source: str = ""
) -> GalleryCalibration:
    """Fit the probability of "same person" by distance.

    With 200 pairs of each kind or more the curve is isotonic, with fewer logistic. Its error is measured by five-fold
    cross-validation.

    Args:
        pairs: of a validation split, or answers that people judged; never of the data a threshold is tested on.
        prior: share of pairs of one person in the data that the probabilities are for; None takes that of the pairs.
        source: description of the pairs.

    Raises:
        ConfigError: fewer than ten pairs of either kind, a prior outside 0..1, or the distances of pairs of one person
            are not smaller than those of two.
    """
    genuine, impostor = int(pairs.same.sum()), int((~pairs.same).sum())
    if min(genuine, impostor) < _LEAST:
        raise ConfigError(
            f"{genuine} pairs of one person and {impostor} of two: at least {_LEAST} of each are needed; judge more"
        )
    predicted = held_out_probabilities(pairs)
    error = expected_calibration_error(predicted, pairs.same, bins=10)
    knots, values = _fit(pairs, pairs.share if prior is None else prior)
    if values[0] - values[-1] < 1e-3:
        raise ConfigError(
            "pairs of one person are no nearer than pairs of two: the distances carry no information. "
            "Are the labels right?"
        )
    return GalleryCalibration(knots, values, genuine, impostor, error, source)


def held_out_probabilities(pairs: LabelledPairs) -> np.ndarray:
    """Return ``(n,)`` probabilities, each from a fit on the pairs of other groups, for a reliability diagram."""
    names, place = np.unique(pairs.groups, return_inverse=True)
    fold = generator_from(0).permutation(len(names))[place] % _FOLDS
    if len(names) < _FOLDS:  # few queries: pairs of one query go into different folds
        fold = generator_from(0).permutation(len(pairs)) % _FOLDS
    predicted = np.empty(len(pairs))
    for number in range(_FOLDS):
        out = fold == number
        rest = LabelledPairs(pairs.distances[~out], pairs.same[~out], pairs.groups[~out])
        if rest.same.all() or not rest.same.any():  # one kind of pair is missing: nothing can be fitted
            predicted[out] = rest.same.mean() if len(rest) else 0.5
            continue
        predicted[out] = np.interp(pairs.distances[out], *_fit(rest, None))
    return predicted


def pairs_of_gallery(gallery: Gallery) -> LabelledPairs:
    """Return the pairs of a gallery of known persons; only pairs across cameras if it has several cameras.

    Of more than a million pairs of two persons, a random million is kept.

    Args:
        gallery: of a labelled dataset (``videoreid index add GALLERY DATASET``).

    Raises:
        ConfigError: the gallery has no names of persons.
    """
    names = np.array(gallery.persons, dtype=str)
    known = np.flatnonzero(names != "")
    if not len(known):
        raise ConfigError(
            f"{gallery.path} knows none of its persons: give a gallery of a labelled dataset "
            "(videoreid index add GALLERY DATASET --root ROOT)"
        )
    features = gallery.features.select(known)
    _, person = np.unique(names[known], return_inverse=True)
    rows = features.embeddings.double().numpy()
    first, second = np.triu_indices(len(rows), 1)
    if len(set(features.camids.tolist())) > 1:
        over = features.camids[first] != features.camids[second]
        first, second = first[over], second[over]
    same = person[first] == person[second]
    share = float(same.mean()) if len(same) else None
    others = np.flatnonzero(~same)
    if len(others) > _MOST:
        others = generator_from(0).choice(others, _MOST, replace=False)
    kept = np.sort(np.concatenate([np.flatnonzero(same), others]))
    first, second = first[kept], second[kept]
    distances = 1.0 - np.einsum("nd,nd->n", rows[first], rows[second])
    return LabelledPairs(distances, same[kept], person[first].astype(np.int64), share)


def read_pairs(gallery: Gallery, paths: Sequence[str | os.PathLike[str]]) -> LabelledPairs:
    """Read pairs that people judged, as the answer page saves them.

    Args:
        gallery: the gallery that the keys are from.
        paths: CSV files with the columns ``query,key,same`` and optionally ``distance,model``. ``same`` is yes or no
            (or 1 and 0, right and wrong). Without a distance, both names must be keys of tracklets of the gallery.

    Raises:
        DatasetError: a file is not such a table; the message names the line.
        ConfigError: the distances are of another model, or a name is not in the gallery.
    """
    judged: dict[tuple[str, str], tuple[float, bool]] = {}
    for path in paths:
        for line, row in _rows(Path(path)):
            where = f"{os.fspath(path)}, line {line}"
            word = row["same"].strip().lower()
            if word not in _WORDS:
                raise DatasetError(f"{where}: 'same' must be yes or no, got {row['same']!r}")
            model = (row.get("model") or "").strip()
            if model and model != gallery.fingerprint:
                raise ConfigError(
                    f"{where} is of the model {model}, the gallery of {gallery.fingerprint}: their distances cannot be "
                    "compared"
                )
            judged[row["query"], row["key"]] = (_distance(gallery, row, where), _WORDS[word])
    groups = {query: number for number, query in enumerate(dict.fromkeys(query for query, _ in judged))}
    return LabelledPairs(
        np.array([distance for distance, _ in judged.values()]),
        np.array([same for _, same in judged.values()], bool),
        np.array([groups[query] for query, _ in judged], np.int64),
    )


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            rows = [(reader.line_num, row) for row in reader]
            names = set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"cannot read pairs from {path}: {error}") from error
    if not {"query", "key", "same"} <= names:
        raise DatasetError(
            f"{path} needs a first line with the columns query,key,same (and distance,model); it has {sorted(names)}"
        )
    bad = [line for line, row in rows if any(row[name] is None for name in ("query", "key", "same"))]
    if bad:
        raise DatasetError(f"{path}, line {bad[0]}: a field is missing")
    return rows


def _distance(gallery: Gallery, row: dict[str, str], where: str) -> float:
    text = (row.get("distance") or "").strip()
    if text:
        try:
            value = float(text)
        except ValueError as error:
            raise DatasetError(f"{where}: the distance {text!r} is not a number") from error
        if not -1e-3 <= value <= 2.001:
            raise DatasetError(f"{where}: a cosine distance must be between 0 and 2, got {value}")
        return value
    one, two = (np.asarray(gallery.embedding(row[name]), np.float64) for name in ("query", "key"))
    return float(1.0 - one @ two)


def _fit(pairs: LabelledPairs, prior: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Return knots and probabilities of the curve that suits the number of pairs."""
    both = PairDistances(pairs.distances[pairs.same], pairs.distances[~pairs.same])
    if min(len(both.genuine), len(both.impostor)) >= _MANY:
        curve = fit_isotonic(both, prior=prior)
        return curve.distances, np.clip(curve.probabilities, 0.0, 1.0)
    values = fit_logistic(both, prior=prior)(_GRID)
    return _GRID, np.minimum.accumulate(values)
