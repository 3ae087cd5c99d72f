"""Where distances come from, block by block: from two sets of features, or from a matrix that is there already."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError, ProtocolError

__all__ = ["FeatureScores", "MatrixScores", "SameCameraPenalty", "Scores"]

_UNIT = 2.0**-24  # half the spacing of float32 at one
_LONGEST = 1e18  # of a feature: four times its square is within the range of float32
_BLOCK_BYTES = 16 << 20
_CACHE_BYTES = 1 << 20  # what stays in a cache between two steps over it


class Scores(Protocol):
    """Distances of Q queries to G gallery rows.

    A *position* is a float64 number that orders gallery rows; `block` gives positions in working precision, each
    within `tolerance` of the true one, and `positions` gives them to float64. A *key* is the distance a user sees;
    gallery rows of equal key are tied.
    """

    shape: tuple[int, int]
    is_exact: bool

    def block(self, rows: slice, columns: slice) -> Tensor:
        """Return ``(rows, columns)`` approximate positions; the caller may overwrite them unless exact."""

    def positions(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return ``(P,)`` float64 positions of pairs, whose queries ascend."""

    def keys(self, positions: np.ndarray) -> np.ndarray:
        """Return the distances of positions."""

    def tolerance(self, rows: slice) -> np.ndarray:
        """Return ``(rows,)`` bounds of the error of `block`."""

    def dense(self, rows: np.ndarray) -> Tensor:
        """Return ``(n, G)`` keys of whole rows."""


class FeatureScores:
    """Distances of features, multiplied out in float32 and settled in float64 where a comparison is close.

    Float32 blocks differ by device and block size; what is within the rounding error of a match is therefore
    computed once more in float64, so that ranks and ties do not depend on either.

    Args:
        query: ``(Q, D)`` float.
        gallery: ``(G, D)`` float, same dtype and device.
        distance: "cosine", "euclidean" or "squared_euclidean".

    Raises:
        ProtocolError: the two do not fit each other, or are too long to be compared in float32.
        ConfigError: unknown distance.
    """

    is_exact = False

    def __init__(self, query: Tensor, gallery: Tensor, distance: str) -> None:
        if distance not in ("cosine", "euclidean", "squared_euclidean"):
            raise ConfigError(
                f"unknown distance {distance!r}; choose 'cosine', 'euclidean' or 'squared_euclidean'"
            )
        if query.shape[1] != gallery.shape[1]:
            raise ProtocolError(
                f"query features have width {query.shape[1]}, gallery features {gallery.shape[1]}; "
                "both must come from one model"
            )
        if query.dtype != gallery.dtype or not query.is_floating_point():
            raise ProtocolError(
                f"query features are {query.dtype}, gallery features {gallery.dtype}; both must be the same float type"
            )
        self.shape = (len(query), len(gallery))
        self.distance = distance
        self._query, self._gallery = query, gallery.to(query.device)
        self._q_norms, self._g_norms = _norms(self._query), _norms(self._gallery)
        _check_lengths(self._q_norms, self._g_norms)
        if distance == "cosine":
            self._weights = (-1.0 / self._g_norms.clamp_min(1e-12)).float()
        else:
            self._weights = self._g_norms.square().float()

    def block(self, rows: slice, columns: slice) -> Tensor:
        """Return approximate ``1 - cos``, or squared Euclidean distances."""
        query, gallery = self._query[rows].float(), self._gallery[columns].float()
        with _full_precision(query.device):
            if self.distance == "cosine":
                product = F.normalize(query, dim=1) @ gallery.t()
                return torch.addcmul(product.new_ones(()), product, self._weights[columns], out=product)
            product = torch.addmm(self._weights[columns].unsqueeze(0), query, gallery.t(), alpha=-2.0)
            return product.add_(self._q_norms[rows].square().float().unsqueeze(1))

    def positions(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return ``1 - cos`` or squared distances, from differences, so that equal rows are at exactly zero."""
        if len(queries) == 0:
            return np.empty(0)
        device = self._gallery.device
        index, owners = torch.from_numpy(rows).to(device), torch.from_numpy(queries).to(device)
        step = max(16, 2 * _CACHE_BYTES // (8 * self._query.shape[1]))
        results = []
        for start in range(0, len(rows), step):
            picked, owner = index[start : start + step], owners[start : start + step]
            gallery = self._gallery.index_select(0, picked).double()
            asked, place = owner.unique_consecutive(return_inverse=True)
            difference = self._exact(self._query[asked], self._q_norms[asked]).index_select(0, place)
            if self.distance == "cosine":
                difference.addcdiv_(gallery, self._g_norms[picked].clamp_min(1e-12).unsqueeze(1), value=-1.0)
            else:
                difference.sub_(gallery)
            distance = torch.linalg.vector_norm(difference, dim=1).square_()
            results.append(self._half_for_cosine(distance, self._q_norms[owner], self._g_norms[picked]))
        return torch.cat(results).cpu().numpy()

    def keys(self, positions: np.ndarray) -> np.ndarray:
        """Return float32 distances."""
        values = np.sqrt(positions) if self.distance == "euclidean" else positions
        return values.astype(np.float32)

    def tolerance(self, rows: slice) -> np.ndarray:
        """Return the rounding error of a float32 product, about ``sqrt(D)`` units.

        Reference:
            Higham and Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 2019.
        """
        root, norms = self._query.shape[1] ** 0.5, self._q_norms[rows].cpu().numpy()
        if self.distance == "cosine":
            return np.full(len(norms), _UNIT * (4 + root))
        largest = float(self._g_norms.max())
        # the product enters twice; it and the sums of squares are rounded a few times more
        return _UNIT * (2 * root * norms * largest + 4 * (norms + largest) ** 2)

    def dense(self, rows: np.ndarray) -> Tensor:
        """Return keys of whole rows, by a float64 product of centred features."""
        picked = torch.from_numpy(rows).to(self._query.device)
        # distances do not depend on the origin, rounding does: near the data the products are small
        centre = self._exact(self._gallery[:256], self._g_norms[:256]).mean(0, keepdim=True)
        query = self._exact(self._query[picked], self._q_norms[picked]) - centre
        q_squares = query.square().sum(1, keepdim=True)
        result = torch.empty(len(rows), self.shape[1], device=query.device)
        step = max(1, _BLOCK_BYTES // (8 * query.shape[1]))
        for start in range(0, self.shape[1], step):
            columns = slice(start, min(start + step, self.shape[1]))
            gallery = self._exact(self._gallery[columns], self._g_norms[columns]) - centre
            scale = q_squares + gallery.square().sum(1)
            distance = torch.addmm(scale, query, gallery.t(), alpha=-2.0)
            distance = torch.where(distance < 1e-13 * scale, 0.0, distance)  # equal rows, up to rounding
            distance = self._half_for_cosine(distance, self._q_norms[picked, None], self._g_norms[columns])
            result[:, columns] = (distance.sqrt() if self.distance == "euclidean" else distance).float()
        return result

    def _exact(self, features: Tensor, norms: Tensor) -> Tensor:
        if self.distance == "cosine":
            return features.to(torch.float64, copy=True).div_(norms.clamp_min(1e-12).unsqueeze(1))
        return features.double()

    def _half_for_cosine(self, squares: Tensor, q_norms: Tensor, g_norms: Tensor) -> Tensor:
        if self.distance != "cosine":
            return squares
        # 1 - cos = |q - g|^2 / 2 of unit vectors; a zero vector has cos = 0 by convention
        return squares / 2 + ((q_norms < 1e-12).double() + (g_norms < 1e-12).double()) / 2


class MatrixScores:
    """Distances that were computed elsewhere, taken as they are.

    Args:
        distances: ``(Q, G)`` float tensor.
    """

    is_exact = True

    def __init__(self, distances: Tensor) -> None:
        self.shape = (distances.shape[0], distances.shape[1])
        self._distances = distances

    def block(self, rows: slice, columns: slice) -> Tensor:
        """Return a view of the matrix."""
        return self._distances[rows, columns]

    def positions(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the entries as float64."""
        device = self._distances.device
        index = torch.from_numpy(queries).to(device), torch.from_numpy(rows).to(device)
        return self._distances[index].double().cpu().numpy()

    def keys(self, positions: np.ndarray) -> np.ndarray:
        """Return the entries."""
        return positions

    def tolerance(self, rows: slice) -> np.ndarray:
        """Return zeros."""
        return np.zeros(len(range(*rows.indices(self.shape[0]))))

    def dense(self, rows: np.ndarray) -> Tensor:
        """Return whole rows of the matrix."""
        return self._distances[torch.from_numpy(rows).to(self._distances.device)]


class SameCameraPenalty:
    """Feature scores with the largest distance added to every pair of one camera.

    Args:
        scores: what to change; inexact ones.
        q_camids: ``(Q,)`` int64.
        g_camids: ``(G,)`` int64.
        visible: ``(G,)`` bool, the gallery rows among which the largest distance is sought.
    """

    is_exact = False

    def __init__(
        self, scores: Scores, q_camids: np.ndarray, g_camids: np.ndarray, visible: np.ndarray
    ) -> None:
        self.shape = scores.shape
        self._scores, self._q_camids, self._g_camids = scores, q_camids, g_camids
        step = max(1, _BLOCK_BYTES // (4 * self.shape[1]))
        columns = torch.from_numpy(np.flatnonzero(visible))
        largest = 0.0
        for start in range(0, self.shape[0], step):
            block = scores.block(slice(start, start + step), slice(None))
            largest = max(largest, float(block.index_select(1, columns.to(block.device)).max()))
        self._penalty = largest

    def block(self, rows: slice, columns: slice) -> Tensor:
        """Return a changed copy of the block."""
        block = self._scores.block(rows, columns)
        same = torch.from_numpy(self._q_camids[rows, None] == self._g_camids[columns])
        return block + same.to(block.device, block.dtype) * self._penalty

    def positions(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return positions with the penalty."""
        same = self._q_camids[queries] == self._g_camids[rows]
        return self._scores.positions(queries, rows) + same * self._penalty

    def keys(self, positions: np.ndarray) -> np.ndarray:
        """Return distances with the penalty."""
        return self._scores.keys(positions)

    def tolerance(self, rows: slice) -> np.ndarray:
        """Return the bound of the scores inside, widened for the rounding of the sum."""
        return self._scores.tolerance(rows) + 4 * _UNIT * self._penalty

    def dense(self, rows: np.ndarray) -> Tensor:
        """Return whole rows with the penalty."""
        block = self._scores.dense(rows)
        same = torch.from_numpy(self._q_camids[rows, None] == self._g_camids)
        return block + same.to(block.device, block.dtype) * float(self.keys(np.array([self._penalty]))[0])


def _check_lengths(*norms: Tensor) -> None:
    largest = max((float(part.max()) for part in norms if len(part)), default=0.0)
    if not largest <= _LONGEST:
        raise ProtocolError(
            f"a feature of length {largest:.3g} has squares beyond the range of float32; scale the features, or "
            f"normalise them, to lengths of at most {_LONGEST:g}"
        )


def _norms(features: Tensor) -> Tensor:
    step = max(1, _CACHE_BYTES // (8 * max(1, features.shape[1])))
    return torch.cat([part.double().norm(dim=1) for part in features.split(step)])


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Keep autocast and TF32, which the tolerance does not cover, out of a product."""
    precision = torch.get_float32_matmul_precision()
    if precision != "highest":
        torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        if precision != "highest":
            torch.set_float32_matmul_precision(precision)
