"""Distances of two sets of features: float32 products, settled in float64 where a comparison is close."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.distances.arithmetic import DISTANCES, pairwise_distance
from videoreid.distances.rounding import check_lengths, full_precision, probable_rounding, row_norms
from videoreid.errors import ConfigError, ProtocolError

__all__ = ["FeatureSource", "ROW_STEP"]

_BLOCK_BYTES = 16 << 20
_CACHE_BYTES = 1 << 20  # what stays in a cache between two steps over it
ROW_STEP = 1024
"""Queries per product when whole rows are requested."""


class FeatureSource:
    """Distances of two sets of features: float32 products, settled in float64 where a comparison is close.

    Float32 blocks differ by device and block size. Distances within the rounding error of a match are therefore
    computed again in float64, so that ranks and ties do not depend on either.

    Args:
        query: ``(Q, D)`` float.
        gallery: ``(G, D)`` float, same dtype and device.
        metric: "cosine", "euclidean" or "squared_euclidean".
        gallery_norms: ``(G,)`` float64 lengths of the gallery rows, by `row_norms`; None computes them.

    Raises:
        ProtocolError: width, type or device of the two differ, or features are too long to be compared in float32.
        ConfigError: unknown distance.
    """

    is_exact = False
    row_step: int | None = None

    def __init__(
        self, query: Tensor, gallery: Tensor, metric: str, *, gallery_norms: Tensor | None = None
    ) -> None:
        if metric not in DISTANCES:
            raise ConfigError(f"unknown distance {metric!r}; choose one of {', '.join(map(repr, DISTANCES))}")
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
        self.metric: str | None = metric
        self._query, self._gallery = query, gallery.to(query.device)
        self._q_norms = row_norms(self._query)
        self._g_norms = row_norms(self._gallery) if gallery_norms is None else gallery_norms.to(query.device)
        check_lengths(self._q_norms, self._g_norms)
        if metric == "cosine":
            self._weights = (-1.0 / self._g_norms.clamp_min(1e-12)).float()
        else:
            self._weights = self._g_norms.square().float()

    def block(self, rows: slice, columns: slice) -> Tensor:
        """Return approximate ``1 - cos``, or squared Euclidean distances, ``(rows, columns)`` float32."""
        query, gallery = self._query[rows].float(), self._gallery[columns].float()
        with full_precision(query.device):
            if self.metric == "cosine":
                product = F.normalize(query, dim=1) @ gallery.t()
                return torch.addcmul(product.new_ones(()), product, self._weights[columns], out=product)
            product = torch.addmm(self._weights[columns].unsqueeze(0), query, gallery.t(), alpha=-2.0)
            return product.add_(self._q_norms[rows].square().float().unsqueeze(1))

    def positions(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return ``(P,)``, ``1 - cos`` or squared, by differences, so that equal rows are at exactly zero."""
        if len(queries) == 0:
            return np.empty(0)
        device = self._gallery.device
        index, owners = torch.from_numpy(rows).to(device), torch.from_numpy(queries).to(device)
        step = max(16, 2 * _CACHE_BYTES // (8 * self._query.shape[1]))
        results = []
        for start in range(0, len(rows), step):
            picked, owner = index[start : start + step], owners[start : start + step]
            gallery = self._gallery.index_select(0, picked).double()
            unique, place = owner.unique_consecutive(return_inverse=True)
            difference = self._exact(self._query[unique], self._q_norms[unique]).index_select(0, place)
            if self.metric == "cosine":
                difference.addcdiv_(gallery, self._g_norms[picked].clamp_min(1e-12).unsqueeze(1), value=-1.0)
            else:
                difference.sub_(gallery)
            distance = torch.linalg.vector_norm(difference, dim=1).square_()
            results.append(self._half_for_cosine(distance, self._q_norms[owner], self._g_norms[picked]))
        return torch.cat(results).cpu().numpy()

    def keys(self, positions: np.ndarray) -> np.ndarray:
        """Return distances ``(P,)`` float32."""
        values = np.sqrt(positions) if self.metric == "euclidean" else positions
        return values.astype(np.float32)

    def tolerance(self, rows: slice) -> np.ndarray:
        """Return the probable rounding error of a float32 product, see `probable_rounding`."""
        largest = float(self._g_norms.max()) if len(self._g_norms) else 0.0
        width = self._query.shape[1]
        return probable_rounding(self._q_norms[rows], largest, width, str(self.metric)).cpu().numpy()

    def rows(self, rows: slice) -> Tensor:
        """Return ``(rows, G)`` by `pairwise_distance`: float32, or float64 for such features."""
        with full_precision(self._query.device):
            return pairwise_distance(self._query[rows], self._gallery, str(self.metric))

    def dense(self) -> Tensor:
        """Return all distances ``(Q, G)``, float32, or float64 for such features."""
        parts = [self.rows(slice(start, start + ROW_STEP)) for start in range(0, len(self._query), ROW_STEP)]
        return torch.cat(parts) if parts else self._gallery.new_empty(self.shape)

    def exact_rows(self, rows: np.ndarray) -> Tensor:
        """Return keys ``(n, G)`` float32 of whole rows, by a float64 product of centred features."""
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
            result[:, columns] = (distance.sqrt() if self.metric == "euclidean" else distance).float()
        return result

    def _exact(self, features: Tensor, norms: Tensor) -> Tensor:
        if self.metric == "cosine":
            return features.to(torch.float64, copy=True).div_(norms.clamp_min(1e-12).unsqueeze(1))
        return features.double()

    def _half_for_cosine(self, squares: Tensor, q_norms: Tensor, g_norms: Tensor) -> Tensor:
        if self.metric != "cosine":
            return squares
        # 1 - cos = |q - g|^2 / 2 of unit vectors; a zero vector has cos = 0 by convention
        return squares / 2 + ((q_norms < 1e-12).double() + (g_norms < 1e-12).double()) / 2
