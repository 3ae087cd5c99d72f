"""The files of a gallery: one per recording, written whole or not at all, and overwritten when deleted."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from videoreid.errors import DatasetError
from videoreid.retrieval.gallery_records import GalleryTracklet, Recording, TrackletBoxes
from videoreid.utils import atomic_path, atomic_write_text
from videoreid.utils.zips import read_npz

__all__ = [
    "StoredRecording",
    "erase",
    "read_description",
    "read_recording",
    "read_thumbnails",
    "sweep",
    "write_description",
    "write_recording",
]

_FORMAT, _VERSION = "videoreid gallery", 1
_BOXES_SINCE = 2  # version of a recording's file; files of version 1 hold no boxes
_REMEDY = "remove the file and index the recording again"
_ARRAYS = ("version", "table", "embeddings", "thumbnails", "lengths")
_BOX_ARRAYS = ("frames", "boxes", "scores")
_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class StoredRecording:
    """A recording, its tracklets (without thumbnails and boxes) and their embeddings ``(N, D)`` of unit length."""

    recording: Recording
    tracklets: tuple[GalleryTracklet, ...]
    embeddings: np.ndarray


def write_description(path: Path, fingerprint: str, details: dict[str, str]) -> None:
    """Write the description of a gallery: the fingerprint of its model, and how it was made."""
    description = {"format": _FORMAT, "version": _VERSION, "fingerprint": fingerprint, "details": details}
    atomic_write_text(path, json.dumps(description, indent=2) + "\n")


def read_description(path: Path) -> tuple[str, dict[str, str]]:
    """Return fingerprint and details.

    Raises:
        DatasetError: the file is missing, damaged, or of a newer version.
    """
    if not path.is_file():
        raise DatasetError(
            f"{path.parent} is not a gallery: {path.name} is missing; videoreid index add creates one"
        )
    try:
        found = json.loads(path.read_text("utf-8"))
        if found["format"] != _FORMAT or int(found["version"]) > _VERSION:
            raise DatasetError(
                f"{path}: expected {_FORMAT!r} up to version {_VERSION}, found {found['format']!r}, "
                f"{found['version']!r}"
            )
        return str(found["fingerprint"]), {str(key): str(value) for key, value in found["details"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} is damaged ({error!r}); index the recordings again, into another folder"
        ) from error


def write_recording(
    path: Path, recording: Recording, tracklets: Sequence[GalleryTracklet], embeddings: np.ndarray
) -> None:
    """Write a recording, ``embeddings (N, D)``; the old content of the file is overwritten with zeros."""
    pictures = [picture for tracklet in tracklets for picture in tracklet.thumbnails]
    rows = [_as_row(tracklet) for tracklet in tracklets]
    tracks = [tracklet.boxes for tracklet in tracklets if tracklet.boxes is not None]
    table = json.dumps({"recording": _as_json(recording), "tracklets": rows}).encode()
    before = path.open("rb+") if path.exists() else None
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                version=_BOXES_SINCE,
                table=np.frombuffer(table, np.uint8),
                embeddings=np.asarray(embeddings, np.float32),
                thumbnails=np.frombuffer(b"".join(pictures), np.uint8),
                lengths=np.array([len(picture) for picture in pictures], np.int64),
                frames=np.concatenate([np.empty(0, np.int32), *(track.frames for track in tracks)]),
                boxes=np.concatenate([np.empty((0, 4), np.float32), *(track.boxes for track in tracks)]),
                scores=np.concatenate([np.empty(0, np.float32), *(track.scores for track in tracks)]),
            )
        if before is not None:
            _zero(before)
    finally:
        if before is not None:
            before.close()


def read_recording(path: Path) -> StoredRecording:
    """Read a recording without its thumbnails and boxes.

    Raises:
        DatasetError: the file is damaged.
    """
    data = _read(path)
    return _parsed(path, data, with_pictures=False)


def read_thumbnails(path: Path) -> StoredRecording:
    """Read a recording, thumbnails and boxes included."""
    return _parsed(path, _read(path), with_pictures=True)


def erase(path: Path) -> None:
    """Overwrite a file with zeros and delete it.

    File systems that copy on write, and flash memory, may still keep old blocks of the file.
    """
    if path.is_file():
        with path.open("rb+") as file:
            _zero(file)
        path.unlink()


def sweep(folder: Path) -> None:
    """Erase temporary files of killed processes; call it only under the lock of the gallery."""
    for path in folder.glob(".*.writing-*"):
        erase(path)


def _zero(file: Any) -> None:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    for start in range(0, size, _BLOCK):
        file.write(bytes(min(_BLOCK, size - start)))
    file.flush()
    os.fsync(file.fileno())


def _as_json(recording: Recording) -> dict[str, Any]:
    clocks = {name: getattr(recording, name) for name in ("start", "added")}
    return {**asdict(recording), **{name: value and value.isoformat() for name, value in clocks.items()}}


def _as_row(tracklet: GalleryTracklet) -> dict[str, Any]:
    """Return a tracklet as JSON has it: of thumbnails and boxes their number, None for boxes that are not kept."""
    boxes = None if tracklet.boxes is None else len(tracklet.boxes)
    counts = {"thumbnails": len(tracklet.thumbnails), "boxes": boxes}
    return {**asdict(replace(tracklet, thumbnails=(), boxes=None)), **counts}


def _read(path: Path) -> dict[str, np.ndarray]:
    what = "recording of a gallery"
    found = dict(read_npz(path, _ARRAYS, what=what, remedy=_REMEDY))
    if int(found["version"].item()) == _BOXES_SINCE:
        found |= read_npz(path, _BOX_ARRAYS, what=what, remedy=_REMEDY)
    return found


def _parsed(path: Path, data: dict[str, np.ndarray], *, with_pictures: bool) -> StoredRecording:
    try:
        if int(data["version"]) > _BOXES_SINCE:
            raise DatasetError(
                f"{path} is of version {int(data['version'])}, this library reads up to {_BOXES_SINCE}"
            )
        table = json.loads(data["table"].tobytes())
        fields = dict(table["recording"])
        for name in ("start", "added"):
            fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
        tracks = _tracks(data, [row.pop("boxes", None) for row in table["tracklets"]])
        rows = [(int(row.pop("thumbnails")), row) for row in table["tracklets"]]
        tracklets = [GalleryTracklet(**{**row, "box": tuple(row["box"])}) for _, row in rows]
        if with_pictures:
            ends = np.cumsum(data["lengths"])
            cut = [
                data["thumbnails"][end - n : end].tobytes()
                for end, n in zip(ends, data["lengths"], strict=True)
            ]
            last = np.cumsum([count for count, _ in rows])
            tracklets = [
                replace(tracklet, thumbnails=tuple(cut[end - count : end]), boxes=boxes)
                for tracklet, end, (count, _), boxes in zip(tracklets, last, rows, tracks, strict=True)
            ]
        embeddings = data["embeddings"]
        if (
            embeddings.shape[:1] != (len(tracklets),)
            or embeddings.ndim != 2
            or not np.isfinite(embeddings).all()
        ):
            raise ValueError(f"{len(tracklets)} tracklets, but embeddings {embeddings.shape}, or not finite")
        return StoredRecording(Recording(**fields), tuple(tracklets), embeddings)
    except DatasetError:
        raise
    except Exception as error:  # a table of any content
        raise DatasetError(
            f"{path} cannot be read as a recording of a gallery ({error}); {_REMEDY}"
        ) from error


def _tracks(data: dict[str, np.ndarray], counts: Sequence[int | None]) -> list[TrackletBoxes | None]:
    """Return the boxes of each tracklet, None for one whose count is None.

    Raises:
        ValueError: there are more or fewer boxes than the counts say.
    """
    found: list[TrackletBoxes | None] = []
    end = 0
    for count in counts:
        begin, end = end, end + (count or 0)
        part = slice(begin, end)
        found.append(None if count is None else TrackletBoxes(*(data[name][part] for name in _BOX_ARRAYS)))
    if end != len(data.get("frames", ())):
        raise ValueError(f"{end} boxes are listed, {len(data.get('frames', ()))} are there")
    return found
