"""Reading a gallery: recordings, keys, features, thumbnails."""

from collections.abc import Sequence

import numpy as np
import torch

from videoreid.errors import DatasetError
from videoreid.retrieval.gallery_calibration import GalleryCalibration, read_calibration
from videoreid.retrieval.gallery_files import StoredRecording
from videoreid.retrieval.gallery_folder import GalleryFolder
from videoreid.retrieval.gallery_records import GalleryTracklet, Match, Recording, TrackletBoxes
from videoreid.types import Features
from videoreid.utils.printing import html_table

__all__ = ["GalleryContents", "match_of"]

_SHOWN = 20


class GalleryContents:
    """The reading half of a `Gallery`.

    Args:
        folder: files of the gallery.
        fingerprint: of its model.
    """

    def __init__(self, folder: GalleryFolder, fingerprint: str) -> None:
        self._folder, self.fingerprint = folder, fingerprint

    def __len__(self) -> int:
        return sum(len(part.tracklets) for part in self._folder.parts)

    def __repr__(self) -> str:
        held = f"{len(self)} tracklets of {len(self.recordings)} recordings"
        return f"{type(self).__name__}({str(self._folder.path)!r}: {held}, model {self.fingerprint})"

    def _repr_html_(self) -> str:
        shown = [
            (part.recording.name, part.recording.camera, len(part.tracklets)) for part in self._folder.parts
        ]
        rest = [(f"{len(shown) - _SHOWN} more recordings", "", "")] if len(shown) > _SHOWN else []
        return html_table(repr(self), [*shown[:_SHOWN], *rest], head=("recording", "camera", "tracklets"))

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """The recordings in the order of their names."""
        return tuple(part.recording for part in self._folder.parts)

    @property
    def keys(self) -> list[str]:
        """Keys ``recording:track`` of all tracklets, in the order of `features`."""
        return [f"{part.recording.name}:{row.track}" for part in self._folder.parts for row in part.tracklets]

    @property
    def features(self) -> Features:
        """Embeddings of unit length and times of all tracklets; cameras numbered in the order of their names.

        Times are seconds on a common clock if every recording has a start; otherwise each recording has its own clock.
        """
        return _features(self._folder.parts)

    def holds(self, digest: str) -> Recording | None:
        """Return the recording of this digest; None if it is not in the gallery."""
        return next((r for r in self.recordings if r.digest == digest), None)

    @property
    def timed_features(self) -> Features:
        """`features` for rules about tracklets that overlap in time.

        Without a common clock, times of different recordings cannot be compared, so each recording is its own camera.
        """
        return _features(self._folder.parts, apart=True)

    @property
    def persons(self) -> list[str]:
        """Names of the persons, in the order of `features`; empty texts if unknown."""
        return [row.person for part in self._folder.parts for row in part.tracklets]

    @property
    def calibration(self) -> GalleryCalibration | None:
        """The calibration that ``videoreid calibrate`` stored; None if there is none."""
        return read_calibration(self._folder.path, self.fingerprint)

    def describe(self, key: str) -> Match:
        """Return camera and times of a tracklet, as a match at distance 0."""
        return match_of(*self._folder.find(key), distance=0.0)

    def tracklet(self, key: str) -> GalleryTracklet:
        """Return a tracklet's row, without its thumbnails and boxes."""
        part, row = self._folder.find(key)
        return part.tracklets[row]

    def embedding(self, key: str) -> np.ndarray:
        """Return the embedding ``(D,)`` of a tracklet."""
        part, row = self._folder.find(key)
        return part.embeddings[row]

    def thumbnails(self, key: str) -> tuple[bytes, ...]:
        """Return some crops of a tracklet, as JPEG files."""
        return self._folder.whole(key).thumbnails

    def boxes(self, key: str) -> TrackletBoxes:
        """Return where a tracklet was in every frame in which it was seen.

        Raises:
            ConfigError: there is no such tracklet.
            DatasetError: the gallery keeps no boxes of it.
        """
        found = self._folder.whole(key).boxes
        if found is None:
            name = key.rpartition(":")[0]
            raise DatasetError(
                f"the gallery {self._folder.path} keeps no boxes of {key}: pictures of a dataset or of a service have "
                "none, and galleries of earlier versions kept none; if it is a recording, remove it and index it again "
                f"(videoreid index remove {self._folder.path} {name}, then videoreid index add)"
            )
        return found


def _features(parts: Sequence[StoredRecording], *, apart: bool = False) -> Features:
    starts = [part.recording.start for part in parts]
    known = [start for start in starts if start is not None]
    zero = min(known) if len(known) == len(parts) and known else None
    apart = apart and zero is None
    cameras = [part.recording.name if apart else part.recording.camera for part in parts]
    numbers = {name: number for number, name in enumerate(sorted(set(cameras)))}
    offsets = [0.0 if zero is None or s is None else (s - zero).total_seconds() for s in starts]
    rows = [
        (part, row, offset) for part, offset in zip(parts, offsets, strict=True) for row in part.tracklets
    ]
    width = max((part.embeddings.shape[1] for part in parts), default=1)
    tables = [part.embeddings for part in parts if len(part.tracklets)]
    table = np.concatenate(tables) if tables else np.empty((0, width), np.float32)
    return Features(
        torch.from_numpy(table),
        np.full(len(rows), -1, np.int64),
        np.array(
            [numbers[part.recording.name if apart else part.recording.camera] for part, _, _ in rows],
            np.int64,
        ),
        np.array([row.start + offset for _, row, offset in rows], np.float64),
        np.array([row.end + offset for _, row, offset in rows], np.float64),
    )


def match_of(part: StoredRecording, row: int, distance: float) -> Match:
    """Return a tracklet of a recording as a match at this distance."""
    recording, tracklet = part.recording, part.tracklets[row]
    return Match(
        f"{recording.name}:{tracklet.track}",
        recording.camera,
        tracklet.start,
        tracklet.end,
        float(distance),
        recording=tracklet.source or recording.path,
        first_frame=tracklet.first_frame,
        clock_start=recording.clock(tracklet.start),
        clock_end=recording.clock(tracklet.end),
        person=tracklet.person,
    )
