"""Distances over body parts, weighted by the parts' visibility in both tracklets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.parsing.features.visible_parts import split_parts
from videoreid.types import Features

__all__ = [
    "VisiblePartMatching",
    "nearest_by_visible_parts",
    "visible_part_distance",
    "visible_part_distance_chunks",
]


def visible_part_distance(x: Tensor, y: Tensor, num_parts: int) -> Tensor:
    """Return ``(N, M)``: the mean over parts of ``1 - cos``, weighted by the smaller of both visibilities.

    Two tracklets without a common visible part have distance 1, like two orthogonal vectors.

    Args:
        x: ``(N, P * (D + 1))`` embeddings of `VisibleParts`.
        y: ``(M, P * (D + 1))`` likewise.
        num_parts: number of parts P.

    Returns:
        Distances in 0..2.

    Raises:
        ConfigError: the widths differ, or do not fit the number of parts.
    """
    return _distances(_prepare(x, num_parts), _prepare(y, num_parts))


def visible_part_distance_chunks(
    x: Tensor, y: Tensor, num_parts: int, *, chunk_size: int = 1024
) -> Iterator[tuple[slice, Tensor]]:
    """Yield ``(rows, distances (n, M))``: the distance matrix in blocks of ``chunk_size`` rows, to save memory."""
    if chunk_size < 1:
        raise ConfigError(f"chunk_size must be 1 or more, got {chunk_size}")
    gallery = _prepare(y, num_parts)
    for start in range(0, len(x), chunk_size):
        rows = slice(start, min(start + chunk_size, len(x)))
        yield rows, _distances(_prepare(x[rows], num_parts), gallery)


@dataclass(frozen=True)
class VisiblePartMatching:
    """Ranks by `visible_part_distance` inside an evaluation: pass it as the first refiner.

    Args:
        num_parts: number of parts P.
        chunk_size: queries per block of distances.
    """

    num_parts: int
    chunk_size: int = 1024

    @property
    def name(self) -> str:
        """Name in the protocol line."""
        return f"visible parts ({self.num_parts})"

    def __call__(self, distances: Any, query: Features, gallery: Features) -> Tensor:
        """Return ``(Q, G)`` distances; the given distances are not used."""
        blocks = visible_part_distance_chunks(
            query.embeddings, gallery.embeddings, self.num_parts, chunk_size=self.chunk_size
        )
        matrix = torch.empty(len(query), len(gallery))
        for rows, block in blocks:
            matrix[rows] = block.float().cpu()
        return matrix


def nearest_by_visible_parts(
    query: Features, gallery: Features, num_parts: int, *, k: int = 10, chunk_size: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Search a gallery, block by block.

    Args:
        query: Q tracklets.
        gallery: G tracklets.
        num_parts: number of parts P.
        k: number of neighbours, 1 or more.
        chunk_size: queries per block of distances.

    Returns:
        Gallery rows ``(Q, min(k, G))`` int64, nearest first and ties in gallery order, and their float32 distances.

    Raises:
        ConfigError: ``k`` below 1.
    """
    if k < 1:
        raise ConfigError(f"k is {k}; give 1 or more")
    count = min(k, len(gallery))
    found = np.empty((len(query), count), dtype=np.int64)
    distances = np.empty((len(query), count), dtype=np.float32)
    blocks = visible_part_distance_chunks(
        query.embeddings, gallery.embeddings, num_parts, chunk_size=chunk_size
    )
    for rows, block in blocks:
        ordered = block.float().sort(dim=1, stable=True)
        found[rows] = ordered.indices[:, :count].cpu().numpy()
        distances[rows] = ordered.values[:, :count].cpu().numpy()
    return found, distances


def _prepare(embeddings: Tensor, num_parts: int) -> tuple[Tensor, Tensor]:
    """Return unit vectors ``(P, N, D)`` and visibilities ``(P, N)``."""
    weighted, visibility = split_parts(embeddings, num_parts)
    return F.normalize(weighted, dim=2).transpose(0, 1), visibility.clamp_min(0).t()


def _distances(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor]) -> Tensor:
    (vectors, seen), (other_vectors, other_seen) = x, y
    if vectors.shape[2] != other_vectors.shape[2]:
        raise ConfigError(
            f"part vectors of width {vectors.shape[2]} and {other_vectors.shape[2]}: both must come from one model"
        )
    total = vectors.new_zeros(vectors.shape[1], other_vectors.shape[1])
    weights = torch.zeros_like(total)
    for part in range(len(vectors)):  # part by part: only one block of distances is in memory
        weight = torch.minimum(seen[part].unsqueeze(1), other_seen[part])
        total += weight * (1 - vectors[part] @ other_vectors[part].t())
        weights += weight
    return torch.where(weights > 0, total / weights.clamp_min(torch.finfo(total.dtype).tiny), 1.0)
