"""One ``.npz`` file for a fitted model: its histogram and its settings."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from videoreid.errors import WeightsError
from videoreid.utils import atomic_path
from videoreid.utils.zips import read_npz

__all__ = ["read_model", "refusing_damage", "write_model"]

FILE_VERSION = 1
_WHAT, _REMEDY = "spatial-temporal model", "fit one and save it there"
_WIDEST = (
    1e6  # largest sigma in bins: the kernel of a larger one, from a damaged file, could exhaust the memory
)


def write_model(path: str | os.PathLike[str], histogram: np.ndarray, settings: Mapping[str, Any]) -> None:
    """Write a histogram and settings, whole or not at all.

    Args:
        path: the file.
        histogram: ``(C, C, bins)``.
        settings: values that JSON can hold.
    """
    with atomic_path(path) as target, target.open("wb") as file:
        np.savez_compressed(file, version=FILE_VERSION, histogram=histogram, settings=json.dumps(settings))


def read_model(path: str | os.PathLike[str]) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the histogram and the settings of a file; nothing in it is executed.

    Raises:
        WeightsError: the file is of another version. Other damage raises various errors, see `refusing_damage`.
    """
    stored = read_npz(
        path, ("version", "histogram", "settings"), what=_WHAT, remedy=_REMEDY, error=WeightsError
    )
    version = int(stored["version"])
    if version != FILE_VERSION:
        raise WeightsError(f"{path} has version {version}, not {FILE_VERSION}: update the library")
    settings = json.loads(str(stored["settings"]))
    if not 0 <= float(settings["sigma"]) <= _WIDEST:
        raise ValueError(f"sigma {settings['sigma']} is outside 0..{_WIDEST:g}")
    return stored["histogram"], settings


@contextmanager
def refusing_damage(path: str | os.PathLike[str]) -> Iterator[None]:
    """Convert every error that a damaged file causes inside the block to WeightsError."""
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:  # settings of any type in any place
        raise WeightsError(f"{path} cannot be read as a {_WHAT} ({error!r}); {_REMEDY}") from error
