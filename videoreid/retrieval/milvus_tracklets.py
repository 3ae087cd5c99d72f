"""Reading a collection of Milvus: its size, keys and tracklets."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from videoreid.errors import DatasetError, ProtocolError
from videoreid.retrieval.milvus_schema import (
    FIELDS,
    PROPERTY,
    MilvusDescription,
    expression,
    features_of_records,
)
from videoreid.retrieval.milvus_server import MilvusConnection
from videoreid.types import Features

__all__ = ["MOST_ROWS", "MilvusTracklets"]

MOST_ROWS = 1000
"""Rows that one call writes, removes or looks up."""


class MilvusTracklets:
    """The reading half of a `MilvusIndex`.

    Args:
        connection: to the server.
        collection: name of the collection; a missing one is created.
        description: the description that the collection must have.
    """

    def __init__(self, connection: MilvusConnection, collection: str, description: MilvusDescription) -> None:
        self.width, self.distance, self.collection = description.width, description.distance, collection
        self._connection = connection
        self._description = self._opened(description)

    def __repr__(self) -> str:
        return f"MilvusIndex({self.collection!r} at {self._connection.server.uri}, {self._description})"

    def __len__(self) -> int:
        found = self._call(
            "count the tracklets",
            lambda client: client.query(
                self.collection, filter=expression(self._description), output_fields=["count(*)"]
            ),
        )
        return int(found[0]["count(*)"])

    @property
    def keys(self) -> np.ndarray:
        """``(G,)`` int64 keys, in Milvus's order."""
        parts = [keys for keys, _ in self.batches()]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def batches(self, size: int = 1000) -> Iterator[tuple[np.ndarray, Features]]:
        """Yield keys ``(n,)`` and tracklets, at most ``size`` at a time; without paths."""
        last = -1
        while True:
            # one cursor per batch, so that a broken connection loses no batch
            wanted = f"{expression(self._description)} and key > {last}"
            records = self._call("read tracklets", self._page, wanted, size)
            if not records:
                return
            keys, features = features_of_records(records)
            last = int(keys.max())
            yield keys, features

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._connection.close()

    def _page(self, client: Any, wanted: str, size: int) -> list[dict[str, Any]]:
        iterator = client.query_iterator(
            self.collection, filter=wanted, batch_size=size, output_fields=[*FIELDS, "embedding"]
        )
        try:
            return list(iterator.next())
        finally:
            iterator.close()

    def _paths_of(self, keys: np.ndarray, outcome: str) -> list[str]:
        found: dict[int, str] = {}
        for start in range(0, len(keys), MOST_ROWS):
            part = keys[start : start + MOST_ROWS].tolist()
            wanted = f"{expression(self._description)} and key in {part}"
            records = self._call("look keys up", self._looked_up, wanted)
            found |= {int(record["key"]): record["path"] for record in records}
        unknown = [key for key in keys.tolist() if key not in found]
        if unknown:
            raise ProtocolError(
                f"keys {unknown[:5]} are not in the collection {self.collection!r}; {outcome}"
            )
        return [found[key] for key in keys.tolist()]

    def _looked_up(self, client: Any, wanted: str) -> list[dict[str, Any]]:
        return list(client.query(self.collection, filter=wanted, output_fields=["key", "path"]))

    def _opened(self, asked: MilvusDescription) -> MilvusDescription:
        def open_or_make(client: Any) -> str:
            if not client.has_collection(self.collection):
                asked.create(client, self.collection)
            client.load_collection(self.collection)
            found = client.describe_collection(self.collection)
            return str(found.get("properties", {}).get(PROPERTY) or found.get("description", ""))

        found = MilvusDescription.of_text(self._call("open the collection", open_or_make), self.collection)
        if found.fingerprint != asked.fingerprint:
            raise DatasetError(
                f"the collection {self.collection!r} was made with the model {found.fingerprint!r}, but is used with "
                f"{asked.fingerprint!r}: embeddings of different models cannot be compared"
            )
        if (found.width, found.distance) != (asked.width, asked.distance):
            raise DatasetError(
                f"the collection {self.collection!r} is of width {found.width} and {found.distance} distance, not of "
                f"width {asked.width} and {asked.distance}"
            )
        return found

    def _call(self, what: str, ask: Callable[..., Any], *values: Any) -> Any:
        return self._connection.call(what, ask, *values)
