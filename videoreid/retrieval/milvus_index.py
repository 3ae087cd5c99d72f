"""Index of gallery tracklets in Milvus, with the methods of `GalleryIndex`, over a file, a server or a cluster."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from videoreid.errors import ConfigError, ProtocolError
from videoreid.retrieval.index import GalleryIndex
from videoreid.retrieval.index_inputs import SearchResult, own_keys, prepared_embeddings
from videoreid.retrieval.milvus_schema import MilvusDescription, expression, records_of, tracklet_keys
from videoreid.retrieval.milvus_server import MilvusConnection, MilvusServer
from videoreid.retrieval.milvus_tracklets import MOST_ROWS, MilvusTracklets
from videoreid.types import Features
from videoreid.utils.arrays import as_ids

__all__ = ["MilvusIndex", "copy_index"]

_BATCH_BYTES = 8 << 20  # of embeddings in one call
_MOST_NEIGHBOURS = 16_384  # Milvus's own bound


class MilvusIndex(MilvusTracklets):
    """Nearest neighbours among tracklets in Milvus, for galleries beyond one machine.

    A missing collection is created. Adding is idempotent: the tracklet of an existing key is replaced, so a failed
    call can be repeated. Distances are computed by Milvus, in float32.

    Args:
        width: D of the embeddings.
        kind: Milvus's index of a new collection: "exact", "hnsw", "ivf" or "ivfpq".
        server: an address, a file ``*.db`` of milvus-lite, or a `MilvusServer`.
        collection: name of the collection.
        fingerprint: of the model; a search only finds embeddings of this model.
        distance: "cosine", "euclidean" or "squared_euclidean".
        partition: rows that are stored together: those of a "camera" group, or of a "day".
        group: number of cameras in a group.

    Raises:
        ServerError: the server does not answer.
        DatasetError: the collection is of another model, width or distance, or of other software.
        MissingExtraError: pymilvus is not installed.
    """

    def __init__(
        self,
        width: int,
        kind: str = "exact",
        *,
        server: MilvusServer | str,
        collection: str = "tracklets",
        fingerprint: str = "",
        distance: str = "cosine",
        partition: str = "camera",
        group: int = 1,
    ) -> None:
        description = MilvusDescription(width, kind, distance, fingerprint, partition, group)
        where = MilvusServer(server) if isinstance(server, str) else server
        super().__init__(MilvusConnection(where), collection, description)

    def add(
        self,
        gallery: Features,
        *,
        keys: np.ndarray | Sequence[int] | None = None,
        paths: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Add tracklets, or replace those of these keys, and return the keys ``(N,)`` int64.

        Args:
            gallery: N tracklets.
            keys: ``(N,)`` integers; None takes those of `tracklet_keys`, which need paths.
            paths: N texts.

        Raises:
            ProtocolError: the embeddings are not of the index's width, or the number of keys or paths differs.
            ServerError: the server does not answer; call again, nothing is added twice.
        """
        embeddings = prepared_embeddings(gallery.embeddings, self.width, self.distance)
        if keys is None and paths is None:
            raise ProtocolError(
                "give keys, or paths from which keys are made, so that adding twice does no harm"
            )
        texts = [""] * len(gallery) if paths is None else [str(path) for path in paths]
        given = keys if keys is not None else tracklet_keys(gallery, texts, self._description.fingerprint)
        own = own_keys(given, len(gallery))
        if len(texts) != len(gallery):
            raise ProtocolError(f"{len(gallery)} tracklets but {len(texts)} paths")
        records = records_of(own, replace(gallery, embeddings=embeddings), texts, self._description)
        step = max(1, min(MOST_ROWS, _BATCH_BYTES // (4 * self.width)))
        for start in range(0, len(records), step):
            part = records[start : start + step]
            self._call("add tracklets", _upsert, self.collection, part)
        return own

    def update(self, keys: np.ndarray | Sequence[int], gallery: Features) -> None:
        """Replace the tracklets of these keys ``(N,)``.

        Raises:
            ProtocolError: a key is not in the collection; nothing is updated then.
        """
        own = own_keys(keys, len(gallery))
        paths = self._paths_of(own, "nothing was updated")
        self.add(gallery, keys=own, paths=paths)

    def remove(self, keys: np.ndarray | Sequence[int]) -> None:
        """Remove the tracklets of these keys ``(N,)``.

        Raises:
            ProtocolError: a key is not in the collection; nothing is removed then.
        """
        own = np.unique(as_ids("keys", keys))
        self._paths_of(own, "nothing was removed")
        for start in range(0, len(own), MOST_ROWS):
            part = own[start : start + MOST_ROWS].tolist()
            self._call("remove tracklets", _delete, self.collection, part)

    def search(
        self,
        query: Tensor | np.ndarray,
        k: int = 10,
        *,
        not_in_camera: np.ndarray | None = None,
        cameras: Collection[int] | None = None,
        since: float | None = None,
        until: float | None = None,
        path: str | None = None,
    ) -> SearchResult:
        """Return the ``k`` nearest tracklets of each query, see `GalleryIndex.search`.

        Args:
            query: ``(Q, D)`` float.
            k: number of neighbours, 1 to 16384.
            not_in_camera: ``(Q,)`` camera of each query, whose tracklets are left out.
            cameras: numbers of the cameras to search; None for all.
            since: leave out tracklets that end earlier, and tracklets without a time.
            until: leave out tracklets that begin later, and tracklets without a time.
            path: only tracklets of this path.

        Raises:
            ProtocolError: the queries are not of the index's width, not finite, or too long.
            ConfigError: ``k`` is out of range, or a time is not finite.
            ServerError: the server does not answer.
        """
        if not 1 <= k <= _MOST_NEIGHBOURS or any(
            t is not None and not np.isfinite(t) for t in (since, until)
        ):
            raise ConfigError(
                f"k {k}, since {since}, until {until}: expected 1 to {_MOST_NEIGHBOURS}, and finite times"
            )
        asked = prepared_embeddings(query, self.width, self.distance).numpy()
        others = (
            np.zeros(len(asked), np.int64)
            if not_in_camera is None
            else as_ids("not_in_camera", not_in_camera)
        )
        if others.shape != (len(asked),):
            raise ProtocolError(f"{len(asked)} queries but cameras of shape {others.shape}")
        whole = np.full((len(asked), k), -1, np.int64)
        result = SearchResult(whole, np.full(whole.shape, np.nan, np.float32), whole.copy(), whole.copy())
        words = {"cameras": cameras, "since": since, "until": until, "path": path}
        for camera in np.unique(others).tolist():
            lines = np.flatnonzero(others == camera)
            hidden = None if not_in_camera is None else camera
            wanted = expression(self._description, not_camera=hidden, **words)  # type: ignore[arg-type]
            step = max(1, _MOST_NEIGHBOURS // k)
            for start in range(0, len(lines), step):
                part = lines[start : start + step]
                self._ask(asked[part], part, wanted, result)
        return result

    def merge(self, other: "GalleryIndex | MilvusIndex") -> np.ndarray:
        """Add all tracklets of another index under its keys, replacing existing ones; return the keys ``(N,)``.

        Raises:
            ConfigError: the other index has another distance.
        """
        if other.distance != self.distance:
            raise ConfigError(f"the other index is of {other.distance} distance, this one of {self.distance}")
        parts = [self.add(features, keys=keys) for keys, features in other.batches()]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _ask(self, asked: np.ndarray, lines: np.ndarray, wanted: str, result: SearchResult) -> None:
        k = result.keys.shape[1]
        answers = self._call(
            "search",
            lambda client: client.search(
                self.collection, data=asked.tolist(), anns_field="embedding", limit=k, filter=wanted,
                output_fields=["key", "pid", "camid"], search_params={"metric_type": self._description.metric},
            ),
        )  # fmt: skip
        for line, hits in zip(lines.tolist(), answers, strict=True):
            for place, hit in enumerate(hits):
                for name, column in (("key", result.keys), ("pid", result.pids), ("camid", result.camids)):
                    column[line, place] = hit["entity"][name]
                result.distances[line, place] = _distance(hit["distance"], self.distance)


def copy_index(source: GalleryIndex | MilvusIndex, target: GalleryIndex | MilvusIndex) -> int:
    """Copy all tracklets with their keys, from memory or a folder to Milvus or back, and return their number.

    A failed copy into Milvus may be repeated. Paths are not copied.

    Raises:
        ConfigError: the two have different distances.
        ProtocolError: the two have different widths, or a key is in the target, a `GalleryIndex`, already.
    """
    if source.distance != target.distance:
        raise ConfigError(f"one index is of {source.distance} distance, the other of {target.distance}")
    return sum(len(target.add(features, keys=keys)) for keys, features in source.batches())


def _upsert(client: Any, collection: str, records: list[dict[str, Any]]) -> None:
    client.upsert(collection, records)


def _delete(client: Any, collection: str, keys: list[int]) -> None:
    client.delete(collection, ids=keys)


def _distance(value: float, distance: str) -> float:
    if distance == "cosine":
        return 1.0 - value
    return max(value, 0.0) ** 0.5 if distance == "euclidean" else value
