"""A gallery on disk: the tracklets of many recordings, added, searched, removed and purged."""

import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import torch

from videoreid.errors import ConfigError, DatasetError, ProtocolError
from videoreid.retrieval.gallery_calibration import GalleryCalibration, judged, write_calibration
from videoreid.retrieval.gallery_contents import GalleryContents, match_of
from videoreid.retrieval.gallery_files import StoredRecording, read_description, write_description
from videoreid.retrieval.gallery_folder import GalleryFolder
from videoreid.retrieval.gallery_records import Answer, GalleryTracklet, Match, Recording
from videoreid.retrieval.index import GalleryIndex
from videoreid.types import Features
from videoreid.utils import get_logger
from videoreid.utils.arrays import as_tensor

__all__ = ["Gallery"]

_DESCRIPTION = "gallery.json"
_Wanted = Callable[[Recording, GalleryTracklet], bool]


class Gallery(GalleryContents):
    """Tracklets of recordings in a folder: embeddings, times, thumbnails, and the fingerprint of the model.

    Each recording is one file, written whole or not at all, so that a killed process loses no finished recording.
    Several processes may use one gallery: they change it one at a time, and see each other's changes when they open
    or change it. Open one with `Gallery.open`.

    Args:
        path: the folder.
        fingerprint: of the model, from ``gallery.json``.
        details: how the gallery was made, from ``gallery.json``.

    Example:
        >>> import tempfile
        >>> gallery = Gallery.open(tempfile.mkdtemp(), fingerprint="net:1", create=True)
        >>> found = [GalleryTracklet(track=1, start=0.0, end=2.0)]
        >>> gallery.add(Recording("gate", digest="a1", camera="gate"), found, np.array([[1.0, 0.0]]))
        True
        >>> print(gallery.search(np.array([1.0, 0.1]))[0].key)
        gate:1
    """

    def __init__(self, path: Path, fingerprint: str, details: Mapping[str, str]) -> None:
        super().__init__(GalleryFolder(path), fingerprint)
        self.path, self.details = path, dict(details)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        fingerprint: str = "",
        create: bool = False,
        details: Mapping[str, str] | None = None,
    ) -> "Gallery":
        """Open a gallery, or create an empty one.

        Args:
            path: the folder.
            fingerprint: of the model, see `videoreid.indexing.model_fingerprint`; empty to open it without a model.
            create: create the gallery if there is none.
            details: texts to keep in a new gallery, such as the names of model and detector.

        Raises:
            DatasetError: there is no gallery, it is damaged, or its embeddings are of another model.
            ConfigError: a new gallery without a fingerprint.
        """
        path = Path(path)
        description = path / _DESCRIPTION
        if create and not description.exists():
            if not fingerprint:
                raise ConfigError(
                    f"there is no gallery {path} yet; a new one needs the fingerprint of its model"
                )
            write_description(description, fingerprint, dict(details or {}))
        found, kept = read_description(description)
        if fingerprint and fingerprint != found:
            raise DatasetError(
                f"the gallery {path} was made with the model {found}, but is used with {fingerprint}: embeddings of "
                "different models cannot be compared; use the gallery's model, or index into another folder"
            )
        return cls(path, found, kept)

    def add(self, recording: Recording, tracklets: Sequence[GalleryTracklet], embeddings: np.ndarray) -> bool:
        """Add a recording; it is on disk when this returns.

        Args:
            recording: if another recording has its name, a number is added to the name.
            tracklets: N tracklets, 0 or more.
            embeddings: ``(N, D)`` float, no row of zeros; they are normalised to unit length.

        Returns:
            True; False, with a line in the log, if the gallery already holds a recording of this digest.

        Raises:
            ProtocolError: the number or the width of the embeddings is wrong, or a row is not finite or zero.
            ConfigError: the name is empty or has a colon, or the digest is not a hexadecimal number.
            StorageError: the disk is full; what was in the gallery stays.
        """
        unit = _unit(embeddings, len(tracklets), self._folder.parts)
        digits = recording.digest
        if not recording.name or ":" in recording.name or not digits or set(digits) - set("0123456789abcdef"):
            raise ConfigError(
                f"a recording needs a name without a colon and a hexadecimal digest, got {recording}"
            )
        with self._folder.changing():
            if (known := self.holds(digits)) is not None:
                get_logger("gallery").warning(
                    "%s is in the gallery already, as %s: skipped",
                    recording.path or recording.name,
                    known.name,
                )
                return False
            taken, name, number = {r.name for r in self.recordings}, recording.name, 1
            while name in taken:
                number += 1
                name = f"{recording.name}~{number}"
            new = replace(recording, name=name, added=datetime.now().replace(microsecond=0))
            self._folder.write(new, tracklets, unit)
        return True

    def search(
        self,
        query: np.ndarray | torch.Tensor,
        *,
        top: int = 10,
        cameras: Collection[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        threshold: float = math.inf,
        without: Collection[str] = (),
    ) -> Answer:
        """Return the tracklets nearest to one query, by cosine distance.

        Args:
            query: ``(D,)`` or ``(1, D)`` float, by the gallery's model.
            top: largest number of tracklets to return, 1 or more.
            cameras: names of the cameras to search; None for all.
            since: leave out tracklets that end earlier, in local time.
            until: leave out tracklets that begin later, in local time.
            threshold: leave out tracklets at a larger distance.
            without: keys of tracklets to leave out, such as that of the query.

        Raises:
            ConfigError: an unknown camera, a time for a recording without a start, or a threshold that is NaN.
            ProtocolError: a query of another width, or not finite.
        """
        parts = self._folder.parts
        wanted = _filter(parts, cameras, since, until)
        places = _places(parts, wanted, set(without))
        matches = _nearest(places, as_tensor("query", query).reshape(1, -1), top) if places else []
        calibration = self.calibration
        near = judged(_within(matches, threshold), calibration)
        basis = "" if calibration is None else calibration.basis
        return Answer(near, len(places), None if math.isinf(threshold) else threshold, basis)

    def calibrate(self, calibration: GalleryCalibration) -> None:
        """Store a calibration, see `videoreid.analysis.calibrate_pairs`; it replaces an earlier one."""
        write_calibration(self.path, calibration, self.fingerprint)

    def remove(self, names: Collection[str]) -> int:
        """Delete tracklets permanently: embeddings, thumbnails and rows are overwritten on disk.

        Args:
            names: keys of tracklets, or names of recordings. A named recording is deleted as a whole and may be
                added again; a recording that lost single tracklets stays known, so adding it does not restore them.

        Returns:
            The number of deleted tracklets.

        Raises:
            ConfigError: a name that is not in the gallery; nothing is deleted then.
        """
        chosen = {names} if isinstance(names, str) else set(names)
        with self._folder.changing():
            whole = {recording.name for recording in self.recordings}
            unknown = chosen - whole - set(self.keys)
            if unknown:
                raise ConfigError(
                    f"{sorted(unknown)[:5]} are not in the gallery {self.path}; nothing was deleted"
                )
            return sum(
                self._folder.keep(
                    part, [f"{part.recording.name}:{t.track}" not in chosen for t in part.tracklets]
                )
                if part.recording.name not in chosen
                else self._folder.drop(part)
                for part in self._folder.parts
            )

    def purge(self, before: datetime) -> int:
        """Delete permanently all tracklets that end before a date and time, in local time.

        A recording without a start is deleted if it was indexed before; otherwise it stays, and is named in the log.

        Returns:
            The number of deleted tracklets.

        Raises:
            ConfigError: the time has a time zone.
        """
        _plain(before)
        deleted = 0
        with self._folder.changing():
            for part in self._folder.parts:
                recording = part.recording
                ends = [
                    recording.clock(tracklet.end) or recording.added or before for tracklet in part.tracklets
                ]
                if recording.start is None and (recording.added or before) >= before:
                    get_logger("gallery").warning(
                        "%s has no start time and was indexed at %s: it stays",
                        recording.name,
                        recording.added,
                    )
                keep = [end >= before for end in ends]
                empty = not ends and (recording.start or recording.added or before) >= before
                deleted += self._folder.keep(part, keep) if any(keep) or empty else self._folder.drop(part)
        return deleted


def _places(
    parts: Sequence[StoredRecording], wanted: _Wanted, without: set[str]
) -> list[tuple[StoredRecording, int]]:
    """Return the tracklets to search, each as its recording and its place in it."""
    return [
        (part, place)
        for part in parts
        for place, tracklet in enumerate(part.tracklets)
        if wanted(part.recording, tracklet)
        and not (without and f"{part.recording.name}:{tracklet.track}" in without)
    ]


def _nearest(places: Sequence[tuple[StoredRecording, int]], query: torch.Tensor, top: int) -> list[Match]:
    table = torch.from_numpy(np.stack([part.embeddings[row] for part, row in places]))
    none = np.full(len(places), -1, np.int64)
    index = GalleryIndex(table.shape[1])
    index.add(Features(table, none, none))
    found = index.search(query, min(top, len(places)))
    rows = zip(found.keys[0].tolist(), found.distances[0].tolist(), strict=True)
    return [match_of(places[row][0], places[row][1], float(distance)) for row, distance in rows]


def _within(matches: Sequence[Match], threshold: float) -> list[Match]:
    if math.isnan(threshold):
        raise ConfigError("the threshold is NaN; leave it out to get tracklets at any distance")
    return [match for match in matches if match.distance <= threshold]


def _unit(embeddings: np.ndarray, count: int, parts: Sequence[StoredRecording]) -> np.ndarray:
    """Return embeddings of unit length that fit into the gallery."""
    table = np.asarray(embeddings, np.float64)
    widths = {part.embeddings.shape[1] for part in parts if len(part.tracklets)}
    if not count and not table.size:
        return np.empty((0, 1), np.float32)
    if (
        table.ndim != 2
        or len(table) != count
        or not table.shape[1]
        or (widths and table.shape[1] not in widths)
    ):
        raise ProtocolError(
            f"{count} tracklets need embeddings ({count}, {(*widths, 'D')[0]}), got {table.shape}"
        )
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not (norms > 0).all():
        bad = np.flatnonzero(~np.isfinite(norms[:, 0]) | ~(norms[:, 0] > 0))
        raise ProtocolError(f"embeddings of rows {bad[:5].tolist()} are NaN, infinite or 0")
    return np.asarray(table / norms, np.float32)


def _filter(
    parts: Sequence[StoredRecording],
    cameras: Collection[str] | None,
    since: datetime | None,
    until: datetime | None,
) -> _Wanted:
    there = {part.recording.camera for part in parts}
    if cameras is not None and (unknown := set(cameras) - there):
        raise ConfigError(f"no camera {sorted(unknown)} in the gallery; it has {sorted(there)}")
    searched = [p.recording for p in parts if cameras is None or p.recording.camera in cameras]
    if since is not None or until is not None:
        _plain(since, until)
        without = [recording.name for recording in searched if recording.start is None]
        if without:
            raise ConfigError(
                f"{', '.join(without[:5])} have no start time, so times of day cannot be compared: index them "
                "with a start, or search other cameras"
            )

    def wanted(recording: Recording, tracklet: GalleryTracklet) -> bool:
        begin, end = recording.clock(tracklet.start), recording.clock(tracklet.end)
        early = since is not None and end is not None and end < since
        late = until is not None and begin is not None and begin > until
        return not early and not late and (cameras is None or recording.camera in cameras)

    return wanted


def _plain(*times: datetime | None) -> None:
    if any(time is not None and time.tzinfo is not None for time in times):
        raise ConfigError("times are local times: give them without a time zone")
