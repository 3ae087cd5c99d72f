"""Ensembles of models: weighted means of distances, or concatenated features."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.distances.rounding import check_lengths, row_norms
from videoreid.errors import ConfigError, ProtocolError
from videoreid.types import Features
from videoreid.utils.arrays import as_tensor

__all__ = ["ensemble_distances", "ensemble_features"]


def ensemble_distances(
    distances: Sequence[Tensor | np.ndarray],
    *,
    weights: Sequence[float] | None = None,
    normalise: Literal["none", "range", "mean"] = "none",
) -> Tensor:
    """Return the weighted mean of the distance matrices of several models.

    Args:
        distances: each ``(Q, G)`` of the same queries and gallery.
        weights: one per model, not negative, rescaled to sum 1; equal if not given.
        normalise: "none" where the models share a scale (cosine); "range" maps each matrix to 0..1; "mean" divides
            each by its mean.

    Returns:
        ``(Q, G)``, at least float32.

    Raises:
        ProtocolError: shapes differ, or a matrix does not hold finite numbers, or has a negative mean for "mean".
        ConfigError: the weights are negative, not finite, all zero or not one per model, or the normalisation is
            unknown.
    """
    shares = _shares(weights, len(distances))
    matrices = [as_tensor("distances", matrix) for matrix in distances]
    # in float16 the lower limits of the divisors below would round to 0
    matrices = [m.float() if not m.is_floating_point() or m.itemsize == 2 else m for m in matrices]
    shapes = {tuple(matrix.shape) for matrix in matrices}
    if len(shapes) != 1:
        raise ProtocolError(
            f"distances of shapes {sorted(shapes)}; all matrices must be of the same queries and gallery"
        )
    total = torch.zeros_like(matrices[0])
    for matrix, share in zip(matrices, shares, strict=True):
        if not torch.isfinite(torch.stack(torch.aminmax(matrix))).all():
            raise ProtocolError("distances hold NaN or infinite values: look at the features of that model")
        if normalise == "none":
            total.add_(matrix, alpha=share)
        elif normalise == "range":
            low, high = torch.aminmax(matrix)
            total.add_((matrix - low) / (high - low).clamp_min(1e-12), alpha=share)
        elif normalise == "mean":
            mean = matrix.mean(dtype=torch.float64)
            if mean < 0:
                raise ProtocolError(
                    f"distances of mean {float(mean):.3g} cannot be divided by it; use 'range'"
                )
            total.add_(matrix / mean.clamp_min(1e-12).to(matrix), alpha=share)
        else:
            raise ConfigError(f"unknown normalisation {normalise!r}; choose 'none', 'range' or 'mean'")
    return total


def ensemble_features(features: Sequence[Features], *, weights: Sequence[float] | None = None) -> Features:
    """Concatenate the unit-length embeddings of several models.

    Each part is scaled by the square root of its weight, so that the cosine distance of the result is the weighted
    mean of the models' cosine distances. All functions that take features therefore work as with one model.

    Args:
        features: one per model, of the same tracklets in the same order.
        weights: as in `ensemble_distances`.

    Returns:
        Features of width ``D_1 + D_2 + ...``.

    Raises:
        ProtocolError: the tracklets differ, or an embedding is too long for float32.
        ConfigError: the weights are negative, not finite, all zero or not one per model.
    """
    shares = _shares(weights, len(features))
    first = features[0]
    for place, other in enumerate(features[1:], 2):
        same = np.array_equal(first.pids, other.pids) and np.array_equal(first.camids, other.camids)
        if not same:
            raise ProtocolError(
                f"features 1 and {place} are not of the same tracklets in the same order; extract both from one split"
            )
    check_lengths(*(row_norms(one.embeddings) for one in features))
    parts = [
        F.normalize(one.embeddings.float(), dim=1) * share**0.5
        for one, share in zip(features, shares, strict=True)
    ]
    return replace(first, embeddings=torch.cat(parts, dim=1))


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    if count == 0:
        raise ConfigError("an ensemble needs one model or more")
    weights = [1.0] * count if weights is None else list(weights)
    if len(weights) != count or not all(0 <= weight < math.inf for weight in weights) or sum(weights) <= 0:
        raise ConfigError(
            f"weights {weights} for {count} models: give one each, finite, none negative, not all zero"
        )
    return [weight / sum(weights) for weight in weights]
