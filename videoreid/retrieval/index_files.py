"""An index as one ``.npz`` file."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from videoreid.distances import row_norms
from videoreid.errors import DatasetError, ProtocolError
from videoreid.retrieval.index_description import IndexDescription
from videoreid.retrieval.index_rows import DTYPES, Rows, empty_table
from videoreid.types import Features
from videoreid.utils import atomic_path
from videoreid.utils.arrays import as_ids
from videoreid.utils.zips import read_npz

__all__ = ["LoadedIndex", "read_index_file", "table_of", "write_index_file"]

_VERSION = 2
_ARRAYS = ("version", "distance", "next_key", "keys", "embeddings", "pids", "camids", "times", "end_times")
_SINCE_2 = ("clothes", "kind", "options")


class LoadedIndex(NamedTuple):
    """The content of an index file.

    Args:
        description: of the index.
        vectors: ``(N, D)`` stored embeddings.
        table: ``(N,)`` of `videoreid.retrieval.index_rows.ROW`.
        next_key: the smallest key that was never assigned.
    """

    description: IndexDescription
    vectors: torch.Tensor
    table: np.ndarray
    next_key: int


def table_of(features: Features, keys: np.ndarray, norms: torch.Tensor) -> np.ndarray:
    """Return the table ``(N,)`` of rows of these ``keys (N,)`` and ``norms (N,)``."""
    table = empty_table(len(keys))
    table["key"], table["norm"] = keys, norms.cpu().numpy()
    for column, name in (("pid", "pids"), ("camid", "camids"), ("clothes", "clothes")):
        table[column] = getattr(features, name)
    table["time"], table["end_time"] = features.times, features.end_times
    return table


def write_index_file(path: str | os.PathLike[str], rows: Rows, description: IndexDescription) -> None:
    """Write an index to an ``.npz`` file, whole or not at all."""
    table = rows.table[rows.alive]
    stored = rows.vectors(np.flatnonzero(rows.alive)).to(DTYPES[description.dtype])
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            version=_VERSION,
            distance=description.distance,
            next_key=rows.next_key,
            keys=table["key"],
            embeddings=stored.numpy(),
            pids=table["pid"],
            camids=table["camid"],
            times=table["time"],
            end_times=table["end_time"],
            clothes=table["clothes"],
            kind=description.kind,
            options=np.array([[name, str(value)] for name, value in description.options.items()], str),
        )


def read_index_file(path: str | os.PathLike[str]) -> LoadedIndex:
    """Read what `write_index_file` wrote, by this version or an older one.

    Raises:
        DatasetError: the file is missing, damaged, or of a newer version.
    """
    data: dict[str, Any] = read_npz(path, _ARRAYS, what="gallery index", remedy="build it again")
    try:
        if (version := int(data["version"])) > _VERSION:
            raise DatasetError(f"{path} is of version {version}, this library reads up to {_VERSION}")
        if version >= 2:
            data |= read_npz(path, _SINCE_2, what="gallery index", remedy="build it again")
        return _checked(data)
    except DatasetError:
        raise
    except Exception as error:  # arrays of any type and shape in any place
        raise DatasetError(f"{path} cannot be read as a gallery index ({error}); build it again") from error


def _checked(data: Mapping[str, np.ndarray]) -> LoadedIndex:
    """Return the checked content of a file."""
    vectors = torch.from_numpy(data["embeddings"])
    names = {dtype: name for name, dtype in DTYPES.items()}
    if vectors.dtype not in names:
        raise ProtocolError(f"embeddings are {vectors.dtype}, not one of {', '.join(DTYPES)}")
    arrays = {
        name: data[name] for name in ("pids", "camids", "times", "end_times", "clothes") if name in data
    }
    features = Features(vectors, **arrays)
    options = {str(name): int(value) for name, value in data.get("options", np.empty((0, 2), str))}
    description = IndexDescription(
        vectors.shape[1], str(data.get("kind", "exact")), str(data["distance"]), names[vectors.dtype], options
    )
    keys, next_key, norms = as_ids("keys", data["keys"]), int(data["next_key"]), row_norms(vectors)
    if keys.shape != (len(features),) or len(np.unique(keys)) < len(keys):
        raise ProtocolError(f"{len(features)} tracklets need as many different keys")
    if keys.min(initial=0) < 0 or keys.max(initial=-1) >= next_key:
        raise ProtocolError(f"keys are outside 0..{next_key - 1}")
    if description.distance == "cosine" and not ((norms - 1).abs() < 2e-3).logical_or(norms == 0).all():
        raise ProtocolError("embeddings of a cosine index are not of unit length")
    return LoadedIndex(description, vectors, table_of(features, keys, norms), next_key)
