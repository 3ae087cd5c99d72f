"""Calibration of a gallery: the probability that two tracklets at a distance are one person."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from videoreid.errors import ConfigError, DatasetError
from videoreid.retrieval.gallery_records import Match
from videoreid.utils import atomic_write_text

__all__ = ["GalleryCalibration", "judged", "read_calibration", "write_calibration"]

_FILE, _FORMAT, _VERSION = "calibration.json", "videoreid calibration", 1
_LIKELY, _POSSIBLE = 0.8, 0.2


@dataclass(frozen=True, eq=False)
class GalleryCalibration:
    """The probability of "same person" at a cosine distance, and the pairs that it was fitted on.

    Args:
        distances: ``(k,)`` ascending knots; between them the curve is linear, beyond them constant.
        probabilities: ``(k,)`` in 0..1, non-increasing.
        genuine: number of fitted pairs of one person.
        impostor: number of fitted pairs of two persons.
        error: expected calibration error on pairs outside the fit, 0..1.
        source: description of the pairs.

    Raises:
        ConfigError: knots that do not ascend, or probabilities that increase or lie outside 0..1.
    """

    distances: np.ndarray
    probabilities: np.ndarray
    genuine: int
    impostor: int
    error: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        knots, values = np.asarray(self.distances, np.float64), np.asarray(self.probabilities, np.float64)
        object.__setattr__(self, "distances", knots)
        object.__setattr__(self, "probabilities", values)
        shaped = knots.ndim == 1 and knots.shape == values.shape and len(knots) > 0
        if not (
            shaped
            and np.isfinite(knots).all()
            and (np.diff(knots) > 0).all()
            and (np.diff(values) <= 1e-12).all()
            and ((values >= 0) & (values <= 1)).all()
        ):
            raise ConfigError(
                "a calibration needs ascending distances and as many probabilities in 0..1 that do not increase"
            )

    def __call__(self, distances: np.ndarray) -> np.ndarray:
        """Return the probability of each distance."""
        return np.interp(np.asarray(distances, np.float64), self.distances, self.probabilities)

    def __repr__(self) -> str:
        return f"GalleryCalibration({self.basis})"

    @property
    def basis(self) -> str:
        """One sentence on the pairs that the probabilities were fitted on."""
        total = self.genuine + self.impostor
        text = (
            f"Probabilities rest on {total} pairs, {self.genuine} of them of one person; "
            f"on pairs that were not fitted they were off by {100 * self.error:.1f} points on average"
        )
        return f"{text} ({self.source})." if self.source else f"{text}."

    @staticmethod
    def verdict(probability: float) -> str:
        """Return "likely" from 0.8 on, "unlikely" below 0.2, "possible" between."""
        if probability >= _LIKELY:
            return "likely"
        return "possible" if probability >= _POSSIBLE else "unlikely"


def judged(matches: Iterable[Match], calibration: GalleryCalibration | None) -> tuple[Match, ...]:
    """Return the matches, with probabilities if there is a calibration."""
    if calibration is None:
        return tuple(matches)
    found = []
    for match in matches:
        probability = float(calibration(np.array([match.distance]))[0])
        verdict = calibration.verdict(probability)
        found.append(replace(match, probability=probability, verdict=verdict))
    return tuple(found)


def write_calibration(folder: Path, calibration: GalleryCalibration, fingerprint: str) -> None:
    """Write a calibration to the folder of a gallery, whole or not at all; it replaces an earlier one."""
    fields = {
        "format": _FORMAT,
        "version": _VERSION,
        "fingerprint": fingerprint,
        "genuine": calibration.genuine,
        "impostor": calibration.impostor,
        "error": calibration.error,
        "source": calibration.source,
        # all digits: rounding would make close knots equal, and the file unreadable
        "distances": calibration.distances.tolist(),
        "probabilities": calibration.probabilities.tolist(),
    }
    atomic_write_text(folder / _FILE, json.dumps(fields) + "\n")


def read_calibration(folder: Path, fingerprint: str) -> GalleryCalibration | None:
    """Return the calibration of a gallery; None if it has none.

    Raises:
        DatasetError: the file is damaged, of a newer version, or of another model.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
        if found["format"] != _FORMAT or int(found["version"]) > _VERSION:
            raise ValueError(f"format {found['format']!r}, version {found['version']!r}")
        if found["fingerprint"] != fingerprint:
            raise ValueError(f"it is for the model {found['fingerprint']}, the gallery is of {fingerprint}")
        return GalleryCalibration(
            np.array(found["distances"], np.float64),
            np.array(found["probabilities"], np.float64),
            int(found["genuine"]),
            int(found["impostor"]),
            float(found["error"]),
            str(found["source"]),
        )
    except (ValueError, KeyError, TypeError, ConfigError) as error:
        raise DatasetError(
            f"{path} cannot be used ({error}); remove it, or make it again with videoreid calibrate"
        ) from error
