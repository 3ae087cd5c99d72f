"""Boxes of a gallery with the identities of `associate`: one table for all cameras, one MOT file per recording."""

import csv
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from videoreid.footage import Tracks
    from videoreid.retrieval import Gallery, Recording

__all__ = ["check_boxes", "identity_tracks", "write_box_tables"]

_HEADER = ("frame", "id", "left", "top", "width", "height", "confidence", "camera", "recording")


def check_boxes(gallery: "Gallery") -> None:
    """Raise DatasetError if the gallery has no boxes of a tracklet."""
    for key in gallery.keys:
        gallery.boxes(key)


def identity_tracks(gallery: "Gallery", names: "np.ndarray") -> "Iterator[tuple[Recording, Tracks]]":
    """Yield each recording that has tracklets, with its boxes as tracks whose ids are identities.

    Args:
        gallery: one that keeps boxes.
        names: ``(N,)`` int64 identities of its tracklets, in the order of its keys.

    Raises:
        DatasetError: the gallery keeps no boxes of a tracklet.
        TrackFileError: an identity is in two places of one frame.
    """
    import numpy as np

    from videoreid.footage import tracks_from_arrays

    recordings = {recording.name: recording for recording in gallery.recordings}
    pairs = zip(gallery.keys, names.tolist(), strict=True)
    for recording, members in groupby(pairs, key=lambda pair: pair[0].rpartition(":")[0]):
        found = [(gallery.boxes(key), name) for key, name in members]
        yield (
            recordings[recording],
            tracks_from_arrays(
                np.concatenate([boxes.frames for boxes, _ in found]),
                np.concatenate([np.full(len(boxes), name, np.int64) for boxes, name in found]),
                np.concatenate([boxes.boxes for boxes, _ in found]),
                confidences=np.concatenate([boxes.scores for boxes, _ in found]),
            ),
        )


def write_box_tables(folder: Path, gallery: "Gallery", names: "np.ndarray") -> None:
    """Write ``boxes.csv`` and ``mot/RECORDING.txt``, frames and pixels counted from 1; see `identity_tracks`."""
    from videoreid.footage import write_tracks
    from videoreid.utils import atomic_path

    (folder / "mot").mkdir(parents=True, exist_ok=True)
    with (
        atomic_path(folder / "boxes.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEADER)
        for recording, tracks in identity_tracks(gallery, names):
            writer.writerows([*row, recording.camera, recording.name] for row in _by_frame(tracks))
            write_tracks(tracks, folder / "mot" / _file_name(recording.name, recording.digest))


def _by_frame(tracks: "Tracks") -> "list[list[object]]":
    import numpy as np

    rows = np.lexsort((tracks.track_ids, tracks.frames))
    places = tracks.boxes[rows] + [1, 1, 0, 0]
    return [
        [frame + 1, name, *(f"{value:.2f}" for value in place), f"{score:.4f}"]
        for frame, name, place, score in zip(
            tracks.frames[rows].tolist(),
            tracks.track_ids[rows].tolist(),
            places.tolist(),
            tracks.confidences[rows].tolist(),
            strict=True,
        )
    ]


def _file_name(recording: str, digest: str) -> str:
    """Return a file name without special characters; a changed name gets the recording's digest, to stay unique."""
    safe = re.sub(r"[^\w.~ -]", "_", recording).lstrip(".")
    return f"{safe}.txt" if safe == recording else f"{safe}-{digest[:12]}.txt"
