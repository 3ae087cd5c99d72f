"""Feature files: embeddings and ids of queries and gallery in one HDF5 file, with their origin."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from videoreid.errors import DatasetError
from videoreid.types import Features
from videoreid.utils import atomic_path
from videoreid.utils.hdf5 import new_hdf5, open_hdf5, read_array, read_attribute
from videoreid.utils.sealing import check_seal, seal_file

if TYPE_CHECKING:
    import h5py

__all__ = ["FeatureFile", "read_features", "write_features"]

_FORMAT, _VERSION = "videoreid features", 2
_REMEDY = "extract the features again"
_ARRAYS = ("pids", "camids", "times", "end_times", "clothes")


@dataclass(frozen=True, eq=False)
class FeatureFile:
    """The content of a feature file.

    Args:
        query: Q tracklets.
        gallery: G tracklets, as the dataset publishes them (a protocol may add the queries).
        model: name of the model and of its weights.
        dataset: dataset and split.
        protocol: name of the protocol by which the dataset is scored; empty if the file has none.
        details: how the features were made ("frames", "flip", ...), printed in the protocol line.
        train: ids, cameras and times of the training tracklets, for the spatial-temporal metric; embeddings may be
            ``(N, 0)``. None if the file has no training part.
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
        model: name of the model and of its weights.
        dataset: dataset and split.
        protocol: name of the protocol by which the dataset is scored.
        details: how the features were made, as texts.
        train: the training tracklets, for `videoreid st fit`; embeddings ``(N, 0)`` are enough.
    """
    with atomic_path(path) as temporary:
        sides = {"query": query, "gallery": gallery, **({} if train is None else {"train": train})}
        _write(temporary, sides, details or {}, model=model, dataset=dataset, protocol=protocol)
        seal_file(temporary)


def _write(path: Path, sides: Mapping[str, Features], details: Mapping[str, str], **words: str) -> None:
    size = sum(features.embeddings.nbytes + 64 * len(features) for features in sides.values())
    with new_hdf5(path, size) as file:
        file.attrs.update({"format": _FORMAT, "version": _VERSION})
        file.attrs.update(words)
        file.create_group("details").attrs.update({key: str(value) for key, value in details.items()})
        for name, features in sides.items():
            group = file.create_group(name)
            embeddings = features.embeddings.detach().cpu()
            if embeddings.dtype == torch.bfloat16:  # HDF5 has no such type
                embeddings = embeddings.float()
            group["embeddings"] = embeddings.numpy()
            for array in _ARRAYS:
                group[array] = getattr(features, array)


def read_features(path: str | os.PathLike[str]) -> FeatureFile:
    """Read a feature file, after comparing the checksum at its end.

    Args:
        path: the file.

    Raises:
        DatasetError: the file is missing, not a feature file, damaged, or of another version.
        ProtocolError: an embedding is NaN or infinite; the message names the rows.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"no feature file {path}; write one with videoreid.retrieval.write_features")
    check_seal(path, remedy=_REMEDY)
    with open_hdf5(path, remedy=_REMEDY) as file:
        found = (read_attribute(file, "format"), read_attribute(file, "version"))
        if found != (_FORMAT, str(_VERSION)):
            raise DatasetError(
                f"{path} is not a feature file of this version ({_FORMAT!r}, {_VERSION}); found {found[0]!r}, "
                f"{found[1]!r}; {_REMEDY}"
            )
        query, gallery = _read_side(file, "query"), _read_side(file, "gallery")
        train = _read_side(file, "train") if "train" in file else None
        words = {name: read_attribute(file, name) for name in ("model", "dataset", "protocol")}
        details = {key: str(value) for key, value in file["details"].attrs.items()}
    return FeatureFile(query, gallery, **words, details=details, train=train)


def _read_side(file: "h5py.File", name: str) -> Features:
    arrays = {array: read_array(file, f"{name}/{array}", ndim=1) for array in _ARRAYS}
    return Features(torch.from_numpy(read_array(file, f"{name}/embeddings", kinds="f", ndim=2)), **arrays)
