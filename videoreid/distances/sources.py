"""Sources of distances, read in blocks: a matrix, or rows computed on demand."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ProtocolError

__all__ = ["DistanceSource", "MatrixSource", "StreamedSource", "check_finite"]


class DistanceSource(Protocol):
    """Distances of Q queries to G gallery rows.

    A *position* is a float64 number that orders gallery rows; `block` gives positions in working precision, each
    within `tolerance` of the true one, and `positions` gives them to float64. A *key* is the distance a user sees;
    gallery rows of equal key are tied. In an exact source, positions and keys are the same numbers.
    """

    shape: tuple[int, int]
    metric: str | None
    """Which distance of the features these are; None if a refiner changed them."""
    is_exact: bool
    row_step: int | None
    """Rows that are computed together if that is costly, otherwise None: blocks should not cross a multiple of it."""

    def block(self, rows: slice, columns: slice) -> Tensor:
        """Return ``(rows, columns)`` approximate positions; the caller may overwrite them unless exact."""

    def positions(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return ``(P,)`` float64 positions of pairs, whose queries ascend."""

    def keys(self, positions: np.ndarray) -> np.ndarray:
        """Return the distances ``(P,)`` of positions ``(P,)``."""

    def tolerance(self, rows: slice) -> np.ndarray:
        """Return ``(rows,)`` bounds of the error of `block`."""

    def exact_rows(self, rows: np.ndarray) -> Tensor:
        """Return ``(n, G)`` keys of whole rows."""

    def rows(self, rows: slice) -> Tensor:
        """Return the distances ``(rows, G)`` of some queries in working precision."""

    def dense(self) -> Tensor:
        """Return all distances ``(Q, G)`` in working precision, for refiners that need the whole matrix."""


class MatrixSource:
    """Distances of a given matrix, unchanged.

    Args:
        distances: ``(Q, G)`` float tensor.
        metric: which distance of the features they are; None if unknown.
    """

    is_exact = True
    row_step: int | None = None

    def __init__(self, distances: Tensor, metric: str | None = None) -> None:
        self.shape = (distances.shape[0], distances.shape[1])
        self.metric = metric
        self._distances = distances

    def block(self, rows: slice, columns: slice) -> Tensor:
        """Return a view ``(rows, columns)`` of the matrix."""
        return self._distances[rows, columns]

    def positions(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the entries ``(P,)`` as float64."""
        return _entries(self._distances, queries, rows)

    def keys(self, positions: np.ndarray) -> np.ndarray:
        """Return the entries ``(P,)``."""
        return positions

    def tolerance(self, rows: slice) -> np.ndarray:
        """Return zeros ``(rows,)``."""
        return np.zeros(len(range(*rows.indices(self.shape[0]))))

    def exact_rows(self, rows: np.ndarray) -> Tensor:
        """Return whole rows ``(n, G)`` of the matrix."""
        return self._distances[torch.from_numpy(rows).to(self._distances.device)]

    def rows(self, rows: slice) -> Tensor:
        """Return a view ``(rows, G)`` of some rows."""
        return self._distances[rows]

    def dense(self) -> Tensor:
        """Return the matrix ``(Q, G)``."""
        return self._distances


class StreamedSource:
    """Rows of distances that a function computes on demand; the whole matrix is not kept.

    Rows are computed in steps that always begin at the same rows, so that their last digits do not depend on the
    rows requested; the last step is cached.

    Args:
        compute: returns the distances ``(rows, G)`` of some queries.
        shape: (Q, G).
        row_step: queries of a step.
    """

    is_exact = True
    metric: str | None = None

    def __init__(self, compute: Callable[[slice], Tensor], shape: tuple[int, int], row_step: int) -> None:
        self.shape = shape
        self.row_step: int | None = row_step
        self._compute, self._step = compute, row_step
        self._last: tuple[int, Tensor] | None = None

    def block(self, rows: slice, columns: slice) -> Tensor:
        """Return the distances ``(rows, columns)``, exactly as computed."""
        start, stop, _ = rows.indices(self.shape[0])
        parts = []
        while start < stop:
            number = start // self._step
            first = number * self._step
            parts.append(self._part(number)[start - first : stop - first, columns])
            start = first + self._step
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def positions(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the entries ``(P,)`` as float64."""
        result = np.empty(len(queries))
        numbers = queries // self._step
        for number in np.unique(numbers).tolist():
            mine = numbers == number
            result[mine] = _entries(self._part(number), queries[mine] - number * self._step, rows[mine])
        return result

    def keys(self, positions: np.ndarray) -> np.ndarray:
        """Return the entries ``(P,)``."""
        return positions

    def tolerance(self, rows: slice) -> np.ndarray:
        """Return zeros ``(rows,)``."""
        return np.zeros(len(range(*rows.indices(self.shape[0]))))

    def exact_rows(self, rows: np.ndarray) -> Tensor:
        """Return whole rows ``(n, G)``."""
        return torch.cat([self.block(slice(row, row + 1), slice(None)) for row in rows.tolist()])

    def rows(self, rows: slice) -> Tensor:
        """Return the distances ``(rows, G)`` of some queries."""
        return self.block(rows, slice(None))

    def dense(self) -> Tensor:
        """Return all distances ``(Q, G)``."""
        first = self._part(0)
        result = torch.empty(self.shape, dtype=first.dtype, device=first.device)
        for start in range(0, self.shape[0], self._step):
            result[start : start + self._step] = self._part(start // self._step)
        return result

    def _part(self, number: int) -> Tensor:
        if self._last is None or self._last[0] != number:
            self._last = None  # before the next one is made
            rows = slice(number * self._step, min((number + 1) * self._step, self.shape[0]))
            part = self._compute(rows)
            check_finite(part, first_row=rows.start)
            self._last = number, part
        return self._last[1]


def check_finite(distances: Tensor, *, first_row: int = 0) -> None:
    """Raise ProtocolError, which names the rows, where distances ``(N, G)`` are NaN or infinite."""
    if distances.numel() and not torch.isfinite(torch.stack(torch.aminmax(distances))).all():
        bad = (~torch.isfinite(distances).all(dim=1)).nonzero().flatten().add_(first_row).tolist()
        raise ProtocolError(
            f"distances of {len(bad)} queries are NaN or infinite, the first at rows {bad[:5]}"
        )


def _entries(matrix: Tensor, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    index = torch.from_numpy(rows).to(matrix.device), torch.from_numpy(columns).to(matrix.device)
    return matrix[index].double().cpu().numpy()
