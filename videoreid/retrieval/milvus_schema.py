"""Tracklets as rows of Milvus: fields, keys and filter expressions."""

import hashlib
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from videoreid.distances import DISTANCES
from videoreid.errors import ConfigError, DatasetError, ProtocolError
from videoreid.types import Features

__all__ = [
    "FIELDS",
    "PROPERTY",
    "MilvusDescription",
    "expression",
    "features_of_records",
    "quoted",
    "records_of",
    "tracklet_keys",
]

DAY = 86_400.0
UNKNOWN = 1e300
"""Stored in place of an unknown time, because Milvus cannot compare NaN."""

FIELDS = ("key", "pid", "camid", "clothes", "time", "end_time", "path", "fingerprint", "part")
LONGEST_PATH = 4096  # bytes
_LONGEST_FINGERPRINT = 256
_MOST_PARTS = 1024  # of one expression
_INDEXES = {
    "exact": ("FLAT", {}),
    "hnsw": ("HNSW", {"M": 32, "efConstruction": 200}),
    "ivf": ("IVF_FLAT", {"nlist": 1024}),
    "ivfpq": ("IVF_PQ", {"nlist": 1024, "m": 64, "nbits": 8}),
}
PROPERTY = "videoreid"
_FORMAT, _VERSION = "videoreid tracklets", 1


@dataclass(frozen=True)
class MilvusDescription:
    """Description of a collection, stored with it.

    Args:
        width: D of the embeddings.
        kind: how it is searched: "exact", "hnsw", "ivf" or "ivfpq".
        distance: one of `videoreid.distances.DISTANCES`.
        fingerprint: of the model, see `videoreid.indexing.model_fingerprint`.
        partition: rows that are stored together: those of a "camera" group, or of a "day".
        group: number of cameras in a group.

    Raises:
        ConfigError: a value is unknown or out of range.
    """

    width: int
    kind: str = "exact"
    distance: str = "cosine"
    fingerprint: str = ""
    partition: str = "camera"
    group: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.width <= 32_768 or self.kind not in _INDEXES or self.distance not in DISTANCES:
            raise ConfigError(
                f"width {self.width}, kind {self.kind!r}, distance {self.distance!r}: expected 1 to 32768, one of "
                f"{', '.join(_INDEXES)}, and one of {', '.join(DISTANCES)}"
            )
        if self.partition not in ("camera", "day") or self.group < 1:
            raise ConfigError(
                f"partition {self.partition!r}, group {self.group}: expected 'camera' or 'day', and 1 or more"
            )
        if len(self.fingerprint.encode()) > _LONGEST_FINGERPRINT:
            raise ConfigError(f"a fingerprint has at most {_LONGEST_FINGERPRINT} bytes")

    @property
    def metric(self) -> str:
        """Milvus's name of the distance; cosine is the inner product of rows of unit length."""
        return "IP" if self.distance == "cosine" else "L2"

    def to_text(self) -> str:
        """Return the description as JSON text."""
        return json.dumps({"format": _FORMAT, "version": _VERSION, **asdict(self)})

    @staticmethod
    def of_text(text: str, collection: str) -> "MilvusDescription":
        """Return the description from its text.

        Raises:
            DatasetError: the collection was not made by this library.
        """
        try:
            found: dict[str, Any] = json.loads(text)
            if found.pop("format") != _FORMAT or found.pop("version") > _VERSION:
                raise ValueError("another format")
            return MilvusDescription(**found)
        except Exception as error:  # a description of any content
            raise DatasetError(
                f"the collection {collection!r} was not made by MilvusIndex, or by a newer version ({error}); choose "
                "another name"
            ) from error

    def parts(self, table: Features) -> np.ndarray:
        """Return ``(N,)`` int64 partition keys.

        Raises:
            ProtocolError: the partition is by day, and a tracklet is longer than a day.
        """
        if self.partition == "camera":
            return table.camids // self.group
        lasts = table.end_times - table.times
        if (lasts > DAY).any():
            raise ProtocolError(
                f"tracklets {np.flatnonzero(lasts > DAY)[:5].tolist()} last longer than a day, so searches would miss "
                "them; partition by camera"
            )
        return np.where(np.isnan(table.times), -1, np.floor(np.nan_to_num(table.times) / DAY)).astype(
            np.int64
        )

    def create(self, client: Any, collection: str) -> None:
        """Create the collection and its index."""
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(
            auto_id=False, enable_dynamic_field=False, description=self.to_text()
        )
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=self.width)
        for name in ("pid", "camid", "clothes"):
            schema.add_field(name, DataType.INT64)
        for name in ("time", "end_time"):
            schema.add_field(name, DataType.DOUBLE)
        schema.add_field("path", DataType.VARCHAR, max_length=LONGEST_PATH)
        schema.add_field("fingerprint", DataType.VARCHAR, max_length=_LONGEST_FINGERPRINT)
        schema.add_field("part", DataType.INT64, is_partition_key=True)
        index = MilvusClient.prepare_index_params()
        kind, params = _INDEXES[self.kind]
        index.add_index("embedding", index_type=kind, metric_type=self.metric, params=params)
        client.create_collection(
            collection, schema=schema, index_params=index, consistency_level="Strong",
            properties={PROPERTY: self.to_text()},  # milvus-lite keeps these, and no description
        )  # fmt: skip


def tracklet_keys(features: Features, paths: Sequence[str], fingerprint: str = "") -> np.ndarray:
    """Return permanent keys ``(N,)`` int64 of tracklets, computed from path, camera and times.

    The same tracklet gets the same key on any machine, so that adding it again replaces it.

    Args:
        features: N tracklets.
        paths: N paths, of recordings and tracks, or of folders.
        fingerprint: of the model.

    Raises:
        ProtocolError: the number of paths differs, or two tracklets have equal path, camera and times.
    """
    if len(paths) != len(features):
        raise ProtocolError(f"{len(features)} tracklets but {len(paths)} paths")
    rows = zip(
        paths, features.camids.tolist(), features.times.tolist(), features.end_times.tolist(), strict=True
    )
    texts = [json.dumps([fingerprint, *row]) for row in rows]
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    keys = np.array([int.from_bytes(digest[:8], "big") >> 2 for digest in digests], np.int64)
    if len(np.unique(keys)) < len(keys):
        raise ProtocolError(
            "two tracklets have the same path, camera and times: give paths that tell them apart"
        )
    return keys


def records_of(
    keys: np.ndarray, features: Features, paths: Sequence[str], description: MilvusDescription
) -> list[dict[str, Any]]:
    """Return N tracklets, of ``keys (N,)``, as rows of Milvus.

    Raises:
        ProtocolError: a path is too long.
    """
    if any(len(path.encode()) > LONGEST_PATH for path in paths):
        raise ProtocolError(f"a path has more than {LONGEST_PATH} bytes")
    columns: dict[str, list[Any]] = {
        "key": keys.tolist(),
        "embedding": list(features.embeddings.numpy()),
        "pid": features.pids.tolist(),
        "camid": features.camids.tolist(),
        "clothes": features.clothes.tolist(),
        "time": [UNKNOWN if math.isnan(time) else time for time in features.times.tolist()],
        "end_time": [UNKNOWN if math.isnan(time) else time for time in features.end_times.tolist()],
        "path": list(paths),
        "fingerprint": [description.fingerprint] * len(keys),
        "part": description.parts(features).tolist(),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def features_of_records(records: Sequence[dict[str, Any]]) -> tuple[np.ndarray, Features]:
    """Return keys ``(N,)`` int64 and tracklets of rows of Milvus."""

    def times(name: str) -> np.ndarray:
        values = np.array([record[name] for record in records], np.float64)
        return np.where(values >= UNKNOWN, np.nan, values)

    def ids(name: str) -> np.ndarray:
        return np.array([record[name] for record in records], np.int64)

    table = torch.from_numpy(np.array([record["embedding"] for record in records], np.float32))
    return ids("key"), Features(
        table, ids("pid"), ids("camid"), times("time"), times("end_time"), ids("clothes")
    )


def expression(
    description: MilvusDescription,
    *,
    cameras: Collection[int] | None = None,
    since: float | None = None,
    until: float | None = None,
    not_camera: int | None = None,
    path: str | None = None,
) -> str:
    """Return the filter of a search; texts are escaped, and partitions without possible answers are excluded."""
    terms = [f"fingerprint == {quoted(description.fingerprint)}"]
    if cameras is not None:
        terms.append(f"camid in {sorted(int(camera) for camera in cameras)}")
        if description.partition == "camera":
            terms.append(f"part in {sorted({int(camera) // description.group for camera in cameras})}")
    if not_camera is not None:
        terms.append(f"camid != {int(not_camera)}")
    if since is not None or until is not None:
        terms.append(f"time < {UNKNOWN!r}")
    if since is not None:
        known = f"(end_time < {UNKNOWN!r} and end_time >= {float(since)!r})"
        terms.append(f"({known} or (end_time >= {UNKNOWN!r} and time >= {float(since)!r}))")
    if until is not None:
        terms.append(f"time <= {float(until)!r}")
    if description.partition == "day" and since is not None and until is not None:
        first, last = (
            math.floor(since / DAY) - 1,
            math.floor(until / DAY),
        )  # a tracklet may begin the day before
        if 0 <= last - first < _MOST_PARTS:
            terms.append(f"part in {list(range(first, last + 1))}")
    if path is not None:
        terms.append(f"path == {quoted(path)}")
    return " and ".join(terms)


def quoted(text: str) -> str:
    """Return a text as a quoted string of a Milvus expression.

    Raises:
        ConfigError: the text holds a NUL character, which no path has.
    """
    if "\0" in text:
        raise ConfigError(f"{text!r} holds a NUL character")
    replaced = text.replace("\\", "\\\\").replace('"', '\\"')
    for plain, escaped in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        replaced = replaced.replace(plain, escaped)
    return f'"{replaced}"'
