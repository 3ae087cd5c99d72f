"""Descriptions of published datasets: source, published counts, layout on disk, licence."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from videoreid.registry import Registry

__all__ = ["Counts", "DatasetInfo", "INFOS", "dataset_info", "list_infos", "record_info"]


@dataclass(frozen=True)
class Counts:
    """The published size of a split; None where the authors do not state it.

    Args:
        ids: different person ids, junk and distractor labels included where the split has them.
        tracklets: tracklets (images, in an image dataset).
        images: frames.
    """

    ids: int | None = None
    tracklets: int | None = None
    images: int | None = None


@dataclass(frozen=True)
class DatasetInfo:
    """Description of a published dataset.

    Args:
        name: registry key.
        title: name as the authors write it.
        citation: authors, title, venue and year.
        provenance: where the data come from and whom to ask; never a download link to withdrawn data.
        licence: conditions of use, in one line.
        layout: the tree that the loader expects, as text.
        counts: published statistics by split ("train", "query", "gallery"); empty if none are published.
        num_cameras: number of cameras; None if it depends on the data.
        image_size: published ``(height, width)`` of every frame; None if crops differ in size.
        withdrawn: the authors withdrew the data; existing copies load, no copy is offered.
    """

    name: str
    title: str
    citation: str
    provenance: str
    licence: str
    layout: str
    counts: Mapping[str, Counts] = field(default_factory=dict)
    num_cameras: int | None = None
    image_size: tuple[int, int] | None = None
    withdrawn: bool = False


INFOS: Registry[DatasetInfo] = Registry("dataset description")


def record_info(info: DatasetInfo) -> None:
    """Register the description of a dataset under its name.

    Raises:
        ConfigError: the name is taken.
    """
    INFOS.register(info.name)(info)


def dataset_info(name: str) -> DatasetInfo:
    """Return the description of a dataset: citation, provenance, licence, layout, published counts.

    Raises:
        UnknownNameError: no such dataset; the message suggests close names.
    """
    return INFOS[name]


def list_infos() -> list[str]:
    """Return the names of all described datasets, sorted."""
    return INFOS.names()
