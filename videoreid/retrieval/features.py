"""Feature files: embeddings and ids of queries and gallery in one HDF5 file, with where they came from."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from videoreid.errors import DatasetError
from videoreid.types import Features
from videoreid.utils import atomic_path

if TYPE_CHECKING:
    import h5py

__all__ = ["FeatureFile", "read_features", "write_features"]

_FORMAT, _VERSION = "videoreid features", 1
_ARRAYS = ("pids", "camids", "times", "end_times")


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """What a feature file holds.

    Args:
        query: Q tracklets.
        gallery: G tracklets, as the dataset publishes them (a protocol may add the queries).
        model: name of the model, and of its weights.
        dataset: dataset and split.
        protocol: name of the protocol by which the dataset is scored; empty if the file does not say.
        details: how the features were made ("frames", "flip", ...), printed in the protocol line.
        train: who was seen where and when in training, for the spatial-temporal metric; its embeddings may have no
            column. None where the file does not say.
    """

    query: Features
    gallery: Features
    model: str = ""
    dataset: str = ""
    protocol: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    train: Features | None = None


def write_features(
    path: str | os.PathLike[str],
    query: Features,
    gallery: Features,
    *,
    model: str = "",
    dataset: str = "",
    protocol: str = "",
    details: Mapping[str, str] | None = None,
    train: Features | None = None,
) -> None:
    """Write a feature file, whole or not at all.

    Args:
        path: the file, usually ``*.h5``.
        query: Q tracklets.
        gallery: G tracklets, as the dataset publishes them.
        model: name of the model, and of its weights.
        dataset: dataset and split.
        protocol: name of the protocol by which the dataset is scored.
        details: how the features were made; texts.
        train: the training rows, for `videoreid st fit`; embeddings of no column ``(N, 0)`` are enough.
    """
    import h5py

    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update({"format": _FORMAT, "version": _VERSION})
        file.attrs.update({"model": model, "dataset": dataset, "protocol": protocol})
        file.create_group("details").attrs.update({key: str(value) for key, value in (details or {}).items()})
        sides = {"query": query, "gallery": gallery, **({} if train is None else {"train": train})}
        for name, features in sides.items():
            group = file.create_group(name)
            embeddings = features.embeddings.detach().cpu()
            if embeddings.dtype == torch.bfloat16:  # HDF5 has no such type
                embeddings = embeddings.float()
            group["embeddings"] = embeddings.numpy()
            for array in _ARRAYS:
                group[array] = getattr(features, array)


def read_features(path: str | os.PathLike[str]) -> FeatureFile:
    """Read a feature file.

    Args:
        path: the file.

    Raises:
        DatasetError: it is missing, not a feature file, damaged, or of a newer version.
        ProtocolError: an embedding is NaN or infinite; the message names the rows.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"no feature file {path}; write one with videoreid.retrieval.write_features")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DatasetError(
            f"{path} is not a readable HDF5 file ({error}); extract the features again"
        ) from error
    with file:
        if file.attrs.get("format") != _FORMAT:
            raise DatasetError(
                f"{path} is HDF5 but no feature file; expected the attribute format={_FORMAT!r}"
            )
        if int(file.attrs.get("version", 0)) > _VERSION:
            raise DatasetError(
                f"{path} is of version {file.attrs['version']}, this library reads up to {_VERSION}; update videoreid"
            )
        query, gallery = _read_side(file, "query", path), _read_side(file, "gallery", path)
        train = _read_side(file, "train", path) if "train" in file else None
        model, dataset, protocol = (
            str(file.attrs.get(name, "")) for name in ("model", "dataset", "protocol")
        )
        details = (
            {key: str(value) for key, value in file["details"].attrs.items()} if "details" in file else {}
        )
    return FeatureFile(query, gallery, model, dataset, protocol, details, train)


def _read_side(file: "h5py.File", name: str, path: Path) -> Features:
    missing = [array for array in ("embeddings", *_ARRAYS) if f"{name}/{array}" not in file]
    if missing:
        raise DatasetError(f"{path} lacks {name}/{missing[0]}; extract the features again")
    arrays = {array: np.asarray(file[f"{name}/{array}"]) for array in _ARRAYS}
    return Features(torch.from_numpy(np.asarray(file[f"{name}/embeddings"])), **arrays)
