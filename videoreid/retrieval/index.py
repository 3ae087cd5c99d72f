"""A gallery that grows and shrinks, searched exactly."""

import os
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError, DatasetError, ProtocolError
from videoreid.functional import DISTANCES
from videoreid.types import Features
from videoreid.utils import atomic_path
from videoreid.utils.arrays import as_ids, as_tensor

__all__ = ["GalleryIndex", "SearchResult"]

_BLOCK_ELEMENTS = 8 << 20
_VERSION = 1
_LONGEST = 1e18  # of an embedding: its squared distances are within the range of float32


class SearchResult(NamedTuple):
    """The nearest gallery tracklets of Q queries, nearest first.

    Args:
        keys: ``(Q, k)`` int64, what `GalleryIndex.add` returned; -1 where the gallery is smaller than ``k``.
        distances: ``(Q, k)`` float32; NaN likewise.
        pids: ``(Q, k)`` int64; -1 likewise.
        camids: ``(Q, k)`` int64; -1 likewise.
    """

    keys: np.ndarray
    distances: np.ndarray
    pids: np.ndarray
    camids: np.ndarray


class GalleryIndex:
    """Exact nearest neighbours among the tracklets of a gallery, in process, up to about a million of them.

    Each tracklet gets a key that stays its own, whatever is added or removed later. Search streams blocks of
    distances; ties stand in the order of addition.

    Args:
        width: D of the embeddings.
        distance: "cosine", "euclidean" or "squared_euclidean".

    Raises:
        ConfigError: the width is not positive, or the distance unknown.

    Example:
        >>> index = GalleryIndex(2)
        >>> keys = index.add(Features(torch.eye(2), np.array([7, 8]), np.array([0, 1])))
        >>> index.search(torch.tensor([[1.0, 0.1]]), k=1).pids.tolist()
        [[7]]
    """

    def __init__(self, width: int, *, distance: str = "cosine") -> None:
        if width < 1 or distance not in DISTANCES:
            raise ConfigError(
                f"width {width} and distance {distance!r}: expected a positive width and one of {', '.join(DISTANCES)}"
            )
        self.width, self.distance = width, distance
        self._features = Features(torch.empty(0, width), np.empty(0, np.int64), np.empty(0, np.int64))
        self._keys = np.empty(0, np.int64)
        self._next_key = 0

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def features(self) -> Features:
        """The tracklets in the order of addition; cosine embeddings are of unit length."""
        return self._features

    @property
    def keys(self) -> np.ndarray:
        """``(G,)`` int64 keys of these tracklets."""
        return self._keys

    def add(self, gallery: Features) -> np.ndarray:
        """Add tracklets and return their new keys ``(N,)`` int64.

        Raises:
            ProtocolError: the embeddings are not of the index's width, or too long for float32.
        """
        embeddings = self._prepared(gallery.embeddings)
        added = Features(embeddings, gallery.pids, gallery.camids, gallery.times, gallery.end_times)
        self._features = self._features.concat(added)
        keys = np.arange(self._next_key, self._next_key + len(gallery))
        self._keys = np.concatenate([self._keys, keys])
        self._next_key += len(gallery)
        return keys

    def remove(self, keys: np.ndarray) -> None:
        """Remove the tracklets of these keys.

        Args:
            keys: integers that `add` returned.

        Raises:
            ProtocolError: a key is not an integer, or not in the index; nothing is removed then.
        """
        keys = as_ids("keys", keys)
        unknown = np.setdiff1d(keys, self._keys)
        if len(unknown):
            raise ProtocolError(f"keys {unknown[:5].tolist()} are not in the index; nothing was removed")
        keep = ~np.isin(self._keys, keys)
        self._features, self._keys = self._features.select(keep), self._keys[keep]

    def search(
        self, query: Tensor | np.ndarray, k: int = 10, *, not_in_camera: np.ndarray | None = None
    ) -> SearchResult:
        """Return the ``k`` nearest tracklets of each query.

        Args:
            query: ``(Q, D)`` float, a tensor or a NumPy array.
            k: how many, 1 or more.
            not_in_camera: ``(Q,)`` int64 camera of each query, whose tracklets are left out of its answer.

        Raises:
            ProtocolError: the queries are not of the index's width, NaN, infinite or too long, or not as many as the
                cameras, or cameras are not integers.
            ConfigError: ``k`` is less than one.
        """
        if k < 1:
            raise ConfigError(f"k is {k}; ask for one neighbour or more")
        rows_asked = self._prepared(query)
        cameras = None if not_in_camera is None else as_ids("not_in_camera", not_in_camera)
        if cameras is not None and cameras.shape != (len(rows_asked),):
            raise ProtocolError(f"{len(rows_asked)} queries but cameras of shape {cameras.shape}")
        rows = np.full((len(rows_asked), k), -1, dtype=np.int64)
        distances = np.full((len(rows_asked), k), np.nan, dtype=np.float32)
        step = max(1, _BLOCK_ELEMENTS // max(1, len(self)))
        for start in range(0, len(rows_asked) if len(self) else 0, step):
            part = slice(start, min(start + step, len(rows_asked)))
            block = self._block(rows_asked[part])
            if cameras is not None:
                same = cameras[part, None] == self._features.camids
                block[torch.from_numpy(same).to(block.device)] = torch.inf
            for line, values in enumerate(block.cpu().numpy(), start):
                rows[line], distances[line] = _nearest(values, k)
        return SearchResult(
            _pick(self._keys, rows),
            distances,
            _pick(self._features.pids, rows),
            _pick(self._features.camids, rows),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to an ``.npz`` file, whole or not at all."""
        features = self._features
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                version=_VERSION,
                distance=self.distance,
                next_key=self._next_key,
                keys=self._keys,
                embeddings=features.embeddings.cpu().numpy(),
                pids=features.pids,
                camids=features.camids,
                times=features.times,
                end_times=features.end_times,
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "GalleryIndex":
        """Read an index that `save` wrote.

        Raises:
            DatasetError: the file is missing, damaged, or of a newer version.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                data = {name: file[name] for name in file.files}
            version = int(data["version"])
            index = cls(data["embeddings"].shape[1], distance=str(data["distance"]))
            parts = (data[name] for name in ("pids", "camids", "times", "end_times"))
            index._features = Features(torch.from_numpy(data["embeddings"]), *parts)
            index._keys, index._next_key = data["keys"], int(data["next_key"])
        except (OSError, KeyError, ValueError, IndexError) as error:
            raise DatasetError(
                f"{os.fspath(path)} is no readable gallery index ({error}); build it again"
            ) from error
        if version > _VERSION:
            raise DatasetError(
                f"{os.fspath(path)} is of version {version}, this library reads up to {_VERSION}"
            )
        return index

    def _prepared(self, values: Tensor | np.ndarray) -> Tensor:
        embeddings = as_tensor("embeddings", values)
        if embeddings.ndim != 2 or embeddings.shape[1] != self.width:
            raise ProtocolError(f"expected embeddings (N, {self.width}), got {tuple(embeddings.shape)}")
        embeddings = embeddings.detach().to("cpu", torch.float32)
        bad = (~(torch.linalg.vector_norm(embeddings, dim=1) <= _LONGEST)).nonzero().flatten().tolist()
        if bad:
            raise ProtocolError(
                f"embeddings of {len(bad)} rows are NaN, infinite, or longer than {_LONGEST:g}, beyond which squares "
                f"leave the range of float32; the first at {bad[:5]}"
            )
        return F.normalize(embeddings, dim=1) if self.distance == "cosine" else embeddings

    def _block(self, query: Tensor) -> Tensor:
        if self.distance == "cosine":  # both sides have unit length already
            return 1.0 - query @ self._features.embeddings.t()
        return DISTANCES[self.distance](query, self._features.embeddings)


def _nearest(values: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns and values of the ``k`` smallest finite entries, padded with -1 and NaN."""
    limit = np.partition(values, k - 1)[k - 1] if k < len(values) else np.inf
    near = np.flatnonzero((values <= limit) & np.isfinite(values))
    best = near[np.argsort(values[near], kind="stable")][:k]
    missing = k - len(best)
    columns = np.pad(best, (0, missing), constant_values=-1)
    return columns, np.pad(values[best], (0, missing), constant_values=np.nan)


def _pick(source: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return ``source[rows]``, and -1 where a row is missing."""
    return np.append(source, -1)[rows]
