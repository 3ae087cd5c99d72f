"""A gallery that grows and shrinks, searched exactly."""

import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.distances import DISTANCES, FeatureSource, row_norms
from videoreid.distances.rounding import LONGEST
from videoreid.errors import ConfigError, DatasetError, ProtocolError
from videoreid.types import Features
from videoreid.utils import atomic_path
from videoreid.utils.arrays import as_ids, as_tensor
from videoreid.utils.printing import count_of, html_table
from videoreid.utils.zips import read_npz

__all__ = ["GalleryIndex", "SearchResult"]

_BLOCK_ELEMENTS = 8 << 20
_VERSION = 1
_ARRAYS = ("version", "distance", "next_key", "keys", "embeddings", "pids", "camids", "times", "end_times")


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


class _Rows(NamedTuple):
    """One state of an index; replaced as a whole, so that a search never sees half of a change."""

    features: Features
    keys: np.ndarray
    norms: Tensor


class GalleryIndex:
    """Exact nearest neighbours among the tracklets of a gallery, in process, up to about a million of them.

    Each tracklet gets a key that stays its own, whatever is added or removed later. Search streams blocks of
    distances and settles them in float64, as evaluation does; ties stand in the order of addition. Threads may add,
    remove and search at the same time.

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
        none = np.empty(0, np.int64)
        self._rows = _Rows(
            Features(torch.empty(0, width), none, none), none, torch.empty(0, dtype=torch.float64)
        )
        self._next_key = 0
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows.keys)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({count_of(len(self), 'tracklet')}, width {self.width}, {self.distance} distance)"

    def _repr_html_(self) -> str:
        rows = [("tracklets", f"{len(self):,}"), ("width", self.width), ("distance", self.distance)]
        return html_table(type(self).__name__, rows)

    @property
    def features(self) -> Features:
        """The tracklets in the order of addition; cosine embeddings are of unit length."""
        return self._rows.features

    @property
    def keys(self) -> np.ndarray:
        """``(G,)`` int64 keys of these tracklets."""
        return self._rows.keys

    def add(self, gallery: Features) -> np.ndarray:
        """Add tracklets and return their new keys ``(N,)`` int64.

        Raises:
            ProtocolError: the embeddings are not of the index's width, or too long for float32.
        """
        embeddings = self._prepared(gallery.embeddings)
        added = replace(gallery, embeddings=embeddings)
        norms = row_norms(embeddings)
        with self._changing:
            keys = np.arange(self._next_key, self._next_key + len(gallery))
            before = self._rows
            self._rows = _Rows(
                before.features.concat(added),
                np.concatenate([before.keys, keys]),
                torch.cat([before.norms, norms]),
            )
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
        with self._changing:
            features, present, norms = self._rows
            unknown = np.setdiff1d(keys, present)
            if len(unknown):
                raise ProtocolError(f"keys {unknown[:5].tolist()} are not in the index; nothing was removed")
            keep = ~np.isin(present, keys)
            self._rows = _Rows(features.select(keep), present[keep], norms[torch.from_numpy(keep)])

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
        asked = self._prepared(query)
        cameras = None if not_in_camera is None else as_ids("not_in_camera", not_in_camera)
        if cameras is not None and cameras.shape != (len(asked),):
            raise ProtocolError(f"{len(asked)} queries but cameras of shape {cameras.shape}")
        features, keys, norms = self._rows  # one state, whatever other threads add meanwhile
        rows = np.full((len(asked), k), -1, dtype=np.int64)
        distances = np.full((len(asked), k), np.nan, dtype=np.float32)
        if len(asked) and len(keys):
            source = FeatureSource(asked, features.embeddings, self.distance, gallery_norms=norms)
            step = max(1, _BLOCK_ELEMENTS // len(keys))
            for start in range(0, len(asked), step):
                part = slice(start, min(start + step, len(asked)))
                hidden = None if cameras is None else cameras[part, None] == features.camids
                rows[part], distances[part] = _nearest(source, part, k, hidden)
        return SearchResult(
            _pick(keys, rows), distances, _pick(features.pids, rows), _pick(features.camids, rows)
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index to an ``.npz`` file, whole or not at all."""
        with self._changing:
            (features, keys, _), next_key = self._rows, self._next_key
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                version=_VERSION,
                distance=self.distance,
                next_key=next_key,
                keys=keys,
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
        data = read_npz(path, _ARRAYS, what="gallery index", remedy="build it again")
        try:
            if (version := int(data["version"])) > _VERSION:
                raise DatasetError(f"{path} is of version {version}, this library reads up to {_VERSION}")
            index = cls(data["embeddings"].shape[1], distance=str(data["distance"]))
            index._take(data)
            return index
        except DatasetError:
            raise
        except Exception as error:  # arrays of any type and shape in any place
            raise DatasetError(
                f"{path} cannot be read as a gallery index ({error}); build it again"
            ) from error

    def _take(self, data: Mapping[str, np.ndarray]) -> None:
        """Hold what a file says, if it is what `save` can have written."""
        arrays = (data[name] for name in ("pids", "camids", "times", "end_times"))
        features = Features(torch.from_numpy(data["embeddings"]), *arrays)
        keys, next_key, norms = (
            as_ids("keys", data["keys"]),
            int(data["next_key"]),
            row_norms(features.embeddings),
        )
        if features.embeddings.dtype != torch.float32:
            raise ProtocolError(f"embeddings are {features.embeddings.dtype}, not torch.float32")
        if keys.shape != (len(features),) or len(np.unique(keys)) < len(keys):
            raise ProtocolError(f"{len(features)} tracklets, but not a key of its own for each")
        if keys.min(initial=0) < 0 or keys.max(initial=-1) >= next_key:
            raise ProtocolError(f"keys are outside 0..{next_key - 1}, where they were given out")
        if self.distance == "cosine" and not ((norms - 1).abs() < 1e-3).logical_or(norms == 0).all():
            raise ProtocolError("embeddings of a cosine index are not of unit length")
        self._rows, self._next_key = _Rows(features, keys, norms), next_key

    def _prepared(self, values: Tensor | np.ndarray) -> Tensor:
        embeddings = as_tensor("embeddings", values)
        if embeddings.ndim != 2 or embeddings.shape[1] != self.width:
            raise ProtocolError(f"expected embeddings (N, {self.width}), got {tuple(embeddings.shape)}")
        embeddings = embeddings.detach().to("cpu", torch.float32)
        bad = (~(torch.linalg.vector_norm(embeddings, dim=1) <= LONGEST)).nonzero().flatten().tolist()
        if bad:
            raise ProtocolError(
                f"embeddings of {len(bad)} rows are NaN, infinite, or longer than {LONGEST:g}, beyond which squares "
                f"leave the range of float32; the first at {bad[:5]}"
            )
        return F.normalize(embeddings, dim=1) if self.distance == "cosine" else embeddings


def _nearest(
    source: FeatureSource, queries: slice, k: int, hidden: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(n, k)`` rows and distances of the nearest, padded with -1 and NaN; ties in the order of rows.

    Candidates are picked from the float32 product, with all that its rounding could have kept out, and settled in
    float64.
    """
    block = source.block(queries, slice(None)).cpu().numpy()
    if hidden is not None:
        block[hidden] = np.inf
    slack = 2 * source.tolerance(queries)
    line, column = [], []
    for number, values in enumerate(block):
        limit = np.inf
        if k < len(values):
            limit = np.nextafter(
                np.float32(np.partition(values, k - 1)[k - 1] + slack[number]), np.float32(np.inf)
            )
        near = np.flatnonzero((values <= limit) & np.isfinite(values))
        line.append(np.full(len(near), number))
        column.append(near)
    lines, columns = np.concatenate(line), np.concatenate(column)
    keys = source.keys(source.positions(lines + queries.start, columns))
    order = np.lexsort((columns, keys, lines))
    lines, columns, keys = lines[order], columns[order], keys[order]
    place = np.arange(len(lines)) - np.searchsorted(lines, lines)
    rows = np.full((len(block), k), -1, dtype=np.int64)
    distances = np.full((len(block), k), np.nan, dtype=np.float32)
    first = place < k
    rows[lines[first], place[first]], distances[lines[first], place[first]] = columns[first], keys[first]
    return rows, distances


def _pick(source: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return ``source[rows]``, and -1 where a row is missing."""
    return np.append(source, -1)[rows]
