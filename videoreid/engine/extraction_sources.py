"""Open the sources of an extraction: datasets, tracklets, packed stores, folders, and videos with tracks."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from videoreid.data.datasets import build_dataset
from videoreid.data.datasets.reading.folder_tree import read_trees
from videoreid.data.keys import STORE_SUFFIXES
from videoreid.data.stores import packed_splits
from videoreid.errors import ConfigError
from videoreid.footage import crop_tracklets
from videoreid.footage.track_files import Tracks, read_tracks
from videoreid.types import Splits, Tracklet
from videoreid.utils.processes import gather_objects, process_rank

__all__ = ["Source", "VideoTracks", "open_source"]


@dataclass(frozen=True)
class VideoTracks:
    """A recording and its tracks.

    Args:
        video: any file that OpenCV decodes.
        tracks: boxes on its frames, or a file for `read_tracks`.
        camid: camera number of the tracklets, 0-based.
    """

    video: str | os.PathLike[str]
    tracks: Tracks | str | os.PathLike[str]
    camid: int = 0


Source = Splits | VideoTracks | Sequence[Tracklet] | str | os.PathLike[str]
"""A path is a packed store (``.h5``), or a folder ``<person>/<camera>/<tracklet>/frame.jpg``, also under ``query`` and
``gallery``; tracklets alone become the gallery."""


@contextmanager
def open_source(source: Source, output: Path) -> Iterator[Splits]:
    """Yield a source as a dataset.

    The crops of a video are cut in one pass into a folder next to the output, which is deleted at the end; to decode
    the video again for every track would take longer than the network.

    Args:
        source: see `Source`.
        output: the feature file that is being made.

    Raises:
        ConfigError: there is no such file or folder.
        DatasetError: the store, folder, video or track file cannot be read.
    """
    if isinstance(source, Splits):
        yield source
    elif isinstance(source, VideoTracks):
        with _crops(source, output.with_name(output.name + ".crops")) as tracklets:
            yield Splits(Path(source.video).name, gallery=tuple(tracklets), protocol="")
    elif isinstance(source, str | os.PathLike):
        yield _from_path(Path(source).expanduser())
    else:
        yield Splits("", gallery=tuple(source), protocol="")


def _from_path(path: Path) -> Splits:
    if path.is_file() and path.suffix in STORE_SUFFIXES:
        return packed_splits(path)
    if not path.is_dir():
        raise ConfigError(
            f"{path} is neither a packed store (.h5) nor a folder of tracklets; for a video give "
            "VideoTracks(video, tracks)"
        )
    if (path / "query").is_dir() or (path / "gallery").is_dir():
        return build_dataset("folder", root=path)
    return Splits(path.resolve().name, gallery=tuple(read_trees({"": path})[""]), protocol="")


@contextmanager
def _crops(source: VideoTracks, folder: Path) -> Iterator[list[Tracklet]]:
    tracks = source.tracks if isinstance(source.tracks, Tracks) else read_tracks(source.tracks)
    try:
        cut = crop_tracklets(source.video, tracks, folder, camid=source.camid) if process_rank() == 0 else []
        yield gather_objects(cut)[0]
        gather_objects(None)  # wait until no process reads
    finally:
        if process_rank() == 0:
            shutil.rmtree(folder, ignore_errors=True)
