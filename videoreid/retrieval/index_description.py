"""Description of an index: width, kind, distance and options, stored in ``index.json``."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from videoreid.distances import DISTANCES
from videoreid.errors import ConfigError, DatasetError
from videoreid.retrieval.index_rows import DTYPES
from videoreid.utils import atomic_write_text

__all__ = [
    "DESCRIPTION",
    "IndexDescription",
    "KINDS",
    "options_of",
    "read_index_description",
    "write_index_description",
]

DESCRIPTION = "index.json"
KINDS = ("exact", "hnsw", "ivf", "ivfpq")
_OPTIONS: dict[str, dict[str, int]] = {
    "exact": {},
    "hnsw": {"M": 32, "efConstruction": 200, "efSearch": 128},
    "ivf": {"nlist": 0, "nprobe": 0},  # 0: by the number of rows
    "ivfpq": {"nlist": 0, "nprobe": 0, "m": 0, "nbits": 8, "rerank": 16},
}
_LARGEST_OPTION = 1 << 16
_FORMAT, _VERSION = "videoreid gallery index", 1
_WIDEST = 1 << 20
_MOST_BYTES = 1 << 16  # of the file


@dataclass(frozen=True)
class IndexDescription:
    """Width, kind, distance and options of an index.

    Args:
        width: D of the embeddings.
        kind: how it is searched, one of `KINDS`.
        distance: one of `videoreid.distances.DISTANCES`.
        dtype: type of the stored embeddings, "float32" or "float16".
        options: of the approximate kinds, see `videoreid.retrieval.GalleryIndex`.
        generation: number of the valid files in the folder.

    Raises:
        ConfigError: a value is unknown or out of range.
    """

    width: int
    kind: str = "exact"
    distance: str = "cosine"
    dtype: str = "float32"
    options: Mapping[str, int] = field(default_factory=dict)
    generation: int = 1

    def __post_init__(self) -> None:
        if type(self.width) is not int or not 0 < self.width <= _WIDEST or self.distance not in DISTANCES:
            raise ConfigError(
                f"width {self.width} and distance {self.distance!r}: expected a positive width and one of "
                f"{', '.join(DISTANCES)}"
            )
        if self.kind not in KINDS or self.dtype not in DTYPES:
            raise ConfigError(
                f"kind {self.kind!r} and dtype {self.dtype!r}: expected one of {', '.join(KINDS)} and one of "
                f"{', '.join(DTYPES)}"
            )
        options_of(self.kind, self.options)


def options_of(kind: str, given: Mapping[str, int]) -> dict[str, int]:
    """Return the options of a kind with their defaults.

    Raises:
        ConfigError: the kind does not have an option, or a value is not a positive integer.
    """
    unknown = set(given) - set(_OPTIONS[kind])
    if unknown:
        known = ", ".join(_OPTIONS[kind]) or "none"
        raise ConfigError(f"kind {kind!r} has no option {sorted(map(str, unknown))[0]!r}; it has: {known}")
    for name, value in given.items():
        if type(value) is not int or not 0 < value <= _LARGEST_OPTION:
            raise ConfigError(f"option {name} is {value!r}, not an integer in 1..{_LARGEST_OPTION}")
    return {**_OPTIONS[kind], **given}


def write_index_description(folder: Path, description: IndexDescription) -> None:
    """Write the description, whole or not at all."""
    content = {"format": _FORMAT, "version": _VERSION, **asdict(description)}
    atomic_write_text(folder / DESCRIPTION, json.dumps(content, indent=2) + "\n")


def read_index_description(folder: Path) -> IndexDescription:
    """Read the description of an index.

    Raises:
        DatasetError: the description is missing or damaged.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DatasetError(
            f"{folder} is not a gallery index: {DESCRIPTION} is missing; create one with mode='write'"
        )
    try:
        with path.open("rb") as file:
            found: dict[str, Any] = json.loads(file.read(_MOST_BYTES))
        if found.pop("format") != _FORMAT or (version := found.pop("version")) > _VERSION:
            raise DatasetError(f"{path} is of another format, or of a version above {_VERSION}")
        del version
        generation = found["generation"]
        if type(generation) is not int or not 0 < generation < 10**6:
            raise ValueError(f"generation {generation!r}")
        return IndexDescription(**found)
    except DatasetError:
        raise
    except Exception as error:  # JSON of any content
        raise DatasetError(f"{path} is damaged ({error!r}); build the index again") from error
