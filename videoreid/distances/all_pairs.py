"""Distances of all rows, queries and gallery, to each other, for re-ranking."""

from typing import Protocol

import torch
from torch import Tensor

from videoreid.distances.arithmetic import DISTANCES
from videoreid.distances.rounding import full_precision, product_rounding
from videoreid.errors import ConfigError, ProtocolError

__all__ = ["AllPairsSource", "FeaturePairs", "MatrixPairs"]

PAIR_ELEMENTS = 1 << 20
"""Numbers of one side that a gather of feature pairs holds at a time: 8 MiB of float64, which fits a cache."""


class AllPairsSource(Protocol):
    """Distances of the ``N = Q + G`` rows, queries first, never held as one matrix.

    The published code divides the columns of its matrix and transposes it. Entry ``(i, j)`` here is that of the
    transposed matrix, so all later steps work along rows; for symmetric distances there is no difference.
    """

    num_queries: int
    num_rows: int
    symmetric: bool
    device: torch.device
    dtype: torch.dtype
    rounding: float
    """Bound on the difference of a tile's distance and that of `pairs`; 0 where they agree, infinite if unknown."""

    def block(self, rows: slice, cols: slice) -> Tensor:
        """Return the tile ``(rows, cols)`` of two slices; neither crosses from queries into the gallery."""

    def pairs(self, rows: Tensor, cols: Tensor) -> Tensor:
        """Return ``(M,)`` distances of the pairs ``rows (M,)``, ``cols (M,)``, in any floating type."""


class FeaturePairs:
    """Distances computed from features on demand; the distance of a row to itself is exactly 0.

    Tiles are matrix products, whose rounding depends on their shape and on the device. `pairs` computes in float64
    and decides the order of neighbours.

    Args:
        query: ``(Q, D)`` float; 16-bit values are converted to float32.
        gallery: ``(G, D)``, the same type and device.
        metric: a key of `videoreid.distances.DISTANCES`.

    Raises:
        ConfigError: unknown metric, wrong shapes, or types or devices that differ.
        ProtocolError: a set is empty, or rows are NaN or infinite.
    """

    symmetric = True

    def __init__(self, query: Tensor, gallery: Tensor, metric: str = "cosine") -> None:
        if metric not in DISTANCES:
            raise ConfigError(f"unknown metric {metric!r}; choose one of {', '.join(DISTANCES)}")
        _check_features(query, gallery)
        self.dtype = torch.float64 if query.dtype == torch.float64 else torch.float32
        self.device = query.device
        self.num_queries, self.num_rows = len(query), len(query) + len(gallery)
        self.metric = metric
        rows = torch.empty(self.num_rows, query.shape[1], dtype=self.dtype, device=self.device)
        rows[: len(query)] = query
        rows[len(query) :] = gallery
        if metric == "cosine":
            norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True, dtype=torch.float64)
            rows.div_(norms.clamp_(min=1e-12).to(self.dtype))
        self._rows = rows
        self._one = torch.ones(1, dtype=self.dtype, device=self.device)
        self.rounding = product_rounding(rows) if metric == "cosine" else torch.inf

    def block(self, rows: slice, cols: slice) -> Tensor:
        """Return the tile ``(rows, cols)``."""
        x, y = self._rows[rows], self._rows[cols]
        with full_precision(self.device):
            if self.metric == "cosine":  # the rows are normalised already
                tile = torch.addmm(self._one, x, y.t(), alpha=-1).clamp_(min=0)
            else:
                tile = DISTANCES[self.metric](x, y)
        start, stop = max(rows.start, cols.start), min(rows.stop, cols.stop)
        if start < stop:
            same = torch.arange(start, stop, device=self.device)
            tile[same - rows.start, same - cols.start] = 0
        return tile

    def pairs(self, rows: Tensor, cols: Tensor) -> Tensor:
        """Return the distances ``(M,)`` of the given pairs, float64, gathered in pieces."""
        step = max(1, PAIR_ELEMENTS // self._rows.shape[1])
        parts = [self._pair_piece(rows[a : a + step], cols[a : a + step]) for a in range(0, len(rows), step)]
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64, device=self.device)

    def _pair_piece(self, rows: Tensor, cols: Tensor) -> Tensor:
        x, y = self._rows[rows].double(), self._rows[cols].double()
        if self.metric == "cosine":
            distances = (1 - torch.linalg.vecdot(x, y)).clamp_(min=0)
        else:
            distances = x.sub_(y).square_().sum(1)
            if self.metric == "euclidean":
                distances = distances.sqrt_()
        return distances.masked_fill_(rows == cols, 0)


class MatrixPairs:
    """Distances read from the three matrices that the published code takes.

    The gallery-to-query part is the transpose of ``q_g``, as published; ``q_q`` and ``g_g`` may be asymmetric, and
    are then read by columns, as the published code does.

    Args:
        q_g: ``(Q, G)`` float, at least 0 up to rounding.
        q_q: ``(Q, Q)``, the same type and device.
        g_g: ``(G, G)``, the same type and device.

    Raises:
        ConfigError: shapes, types or devices that do not fit.
        ProtocolError: a set is empty, or a distance is NaN, infinite or negative.
    """

    symmetric = False
    rounding = 0.0

    def __init__(self, q_g: Tensor, q_q: Tensor, g_g: Tensor) -> None:
        if q_g.ndim != 2 or q_q.shape != (len(q_g),) * 2 or g_g.shape != (q_g.shape[1],) * 2:
            shapes = ", ".join(str(tuple(matrix.shape)) for matrix in (q_g, q_q, g_g))
            raise ConfigError(f"expected q_g (Q, G), q_q (Q, Q), g_g (G, G), got {shapes}")
        _check_alike(q_g=q_g, q_q=q_q, g_g=g_g)
        if q_g.numel() == 0:
            raise ProtocolError(f"nothing to re-rank: {q_g.shape[0]} queries and {q_g.shape[1]} gallery rows")
        for name, matrix in (("q_g", q_g), ("q_q", q_q), ("g_g", g_g)):
            _check_distances(name, matrix)
        self.num_queries, self.num_rows = q_g.shape[0], sum(q_g.shape)
        self.dtype = torch.float64 if q_g.dtype == torch.float64 else torch.float32
        self.device = q_g.device
        self._q_g, self._q_q, self._g_g = q_g, q_q, g_g

    def block(self, rows: slice, cols: slice) -> Tensor:
        """Return the tile ``(rows, cols)``, contiguous."""
        first = self.num_queries
        shift = slice(rows.start - first, rows.stop - first), slice(cols.start - first, cols.stop - first)
        if rows.start < first:
            tile = self._q_q[cols, rows].t() if cols.start < first else self._q_g[rows, shift[1]]
        else:
            tile = self._q_g[cols, shift[0]].t() if cols.start < first else self._g_g[shift[1], shift[0]].t()
        return tile.to(self.dtype).clamp(min=0).contiguous()

    def pairs(self, rows: Tensor, cols: Tensor) -> Tensor:
        """Return the distances ``(M,)`` of the given pairs."""
        first = self.num_queries
        distances = torch.empty(len(rows), dtype=self.dtype, device=self.device)
        row_query, col_query = rows < first, cols < first
        for matrix, where, a, b in (
            (self._q_q, row_query & col_query, cols, rows),
            (self._q_g, row_query & ~col_query, rows, cols - first),
            (self._q_g, ~row_query & col_query, cols, rows - first),
            (self._g_g, ~row_query & ~col_query, cols - first, rows - first),
        ):
            distances[where] = matrix[a[where], b[where]].to(self.dtype)
        return distances.clamp_(min=0)


def _check_alike(**tensors: Tensor) -> None:
    kinds = {(tensor.dtype, tensor.device) for tensor in tensors.values()}
    if len(kinds) > 1 or not all(tensor.is_floating_point() for tensor in tensors.values()):
        found = ", ".join(f"{name} {t.dtype} on {t.device}" for name, t in tensors.items())
        raise ConfigError(f"expected one floating type and one device, got {found}; convert them first")


def _check_features(query: Tensor, gallery: Tensor) -> None:
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1]:
        raise ConfigError(f"expected (Q, D) and (G, D), got {tuple(query.shape)} and {tuple(gallery.shape)}")
    _check_alike(query=query, gallery=gallery)
    if len(query) == 0 or len(gallery) == 0:
        raise ProtocolError(f"nothing to re-rank: {len(query)} queries and {len(gallery)} gallery rows")
    for name, features in (("query", query), ("gallery", gallery)):
        # one number a row, so that no mask as large as the features is made
        bad = (~torch.isfinite(features.abs().amax(1))).nonzero().flatten().tolist()
        if bad:
            raise ProtocolError(f"{name} features of {len(bad)} rows are NaN or infinite, first {bad[:5]}")


def _check_distances(name: str, matrix: Tensor) -> None:
    lowest, highest = matrix.amin(1), matrix.amax(1)
    bad = (~(torch.isfinite(lowest) & torch.isfinite(highest))).nonzero().flatten().tolist()
    if bad:
        raise ProtocolError(f"{name} has NaN or infinite values in {len(bad)} rows, the first {bad[:5]}")
    rounding = 1e-5 * max(1.0, float(highest.max()))
    bad = (lowest < -rounding).nonzero().flatten().tolist()
    if bad:
        raise ProtocolError(
            f"{name} is negative in {len(bad)} rows, the first {bad[:5]}: "
            "re-ranking needs distances, at least 0; pass 1 - similarity"
        )
