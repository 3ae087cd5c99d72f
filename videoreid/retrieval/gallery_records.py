"""Records of a gallery: recordings, tracklets, matches and answers."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from videoreid.errors import ProtocolError

__all__ = ["Answer", "GalleryTracklet", "Match", "Recording", "TrackletBoxes"]


@dataclass(frozen=True)
class Recording:
    """A recording whose tracklets a gallery holds.

    Args:
        name: short and unique in its gallery; keys of tracklets begin with it.
        digest: of its bytes, in hexadecimal digits; it identifies the recording.
        camera: name of the camera.
        path: path of the recording.
        start: local time of its first frame, without a time zone; None if unknown.
        added: when it was indexed; None before that.
    """

    name: str
    digest: str
    camera: str = ""
    path: str = ""
    start: datetime | None = None
    added: datetime | None = None

    def clock(self, seconds: float) -> datetime | None:
        """Return the local time of a second of the recording; None if its start or the second (NaN) is unknown."""
        if self.start is None or math.isnan(seconds):
            return None
        return self.start + timedelta(seconds=seconds)


@dataclass(frozen=True, eq=False)
class TrackletBoxes:
    """Where one person was, in every frame of its recording in which it was seen.

    Args:
        frames: ``(M,)`` int32, 0-based, rising.
        boxes: ``(M, 4)`` float32, left, top, right, bottom in pixels.
        scores: ``(M,)`` float32, of the detector or of the track file.

    Raises:
        ProtocolError: another shape, numbers that are not finite, or frames that do not rise.
    """

    frames: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        frames = np.asarray(self.frames)
        boxes, scores = np.asarray(self.boxes, np.float32), np.asarray(self.scores, np.float32)
        shapes = frames.shape, boxes.shape, scores.shape
        if frames.ndim != 1 or shapes[1] != (len(frames), 4) or shapes[2] != frames.shape:
            raise ProtocolError(
                f"boxes of a tracklet need frames (M,), boxes (M, 4), scores (M,), got {shapes}"
            )
        whole = len(frames) == 0 or (frames.dtype.kind in "iu" and frames[0] >= 0 and frames[-1] < 2**31)
        if not whole or (np.diff(frames.astype(np.int64)) <= 0).any():
            raise ProtocolError("frames of a tracklet must be whole numbers from 0 that rise, below 2^31")
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ProtocolError("boxes and scores of a tracklet must be finite numbers")
        for name, column in (("frames", frames.astype(np.int32)), ("boxes", boxes), ("scores", scores)):
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class GalleryTracklet:
    """One person in one recording.

    Args:
        track: number of the track in its recording.
        start: time of the first frame, in seconds since the start of the recording.
        end: time of the last frame, likewise.
        first_frame: 0-based.
        last_frame: 0-based.
        box: left, top, right, bottom in the first frame, in pixels.
        thumbnails: some of its crops, as JPEG files.
        person: name of the person if known (a labelled dataset); empty otherwise.
        source: path of its first picture, if that is not the recording; empty otherwise.
        boxes: its box in every frame; None if boxes are not stored (pictures of a dataset have none).
    """

    track: int
    start: float
    end: float
    first_frame: int = 0
    last_frame: int = 0
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    thumbnails: tuple[bytes, ...] = ()
    person: str = ""
    source: str = ""
    boxes: TrackletBoxes | None = None


@dataclass(frozen=True)
class Match:
    """A gallery tracklet in the answer to a query.

    Args:
        key: of the tracklet in its gallery, ``recording:track``.
        camera: name of the camera.
        start: time of the first frame, in seconds since the start of the recording.
        end: time of the last frame, likewise.
        distance: cosine distance of the embeddings.
        recording: path of the recording.
        first_frame: 0-based.
        clock_start: local time of the first frame; None if the start of the recording is unknown.
        clock_end: of the last frame, likewise.
        probability: that it is the person of the query, 0..1; None if the gallery is not calibrated.
        verdict: "likely", "possible" or "unlikely" by that probability; empty without one.
        person: name of the person if the gallery has it; empty otherwise.
    """

    key: str
    camera: str
    start: float
    end: float
    distance: float
    recording: str = ""
    first_frame: int = 0
    clock_start: datetime | None = None
    clock_end: datetime | None = None
    probability: float | None = None
    verdict: str = ""
    person: str = ""

    @property
    def when(self) -> str:
        """Time of the first frame: local time, or seconds of the recording."""
        if self.clock_start is not None:
            return self.clock_start.isoformat(" ")[:23]
        return "unknown" if math.isnan(self.start) else f"{self.start:.2f} s"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, local times in ISO 8601; an unknown time is None."""
        clocks = {name: getattr(self, name) for name in ("clock_start", "clock_end")}
        texts = {name: None if value is None else value.isoformat() for name, value in clocks.items()}
        seconds = {"start": self.start, "end": self.end, "duration": round(self.end - self.start, 3)}
        known = {name: None if math.isnan(value) else value for name, value in seconds.items()}
        return {**self.__dict__, **known, **texts}


@dataclass(frozen=True, repr=False)
class Answer(Sequence[Match]):
    """The tracklets most similar to a query, nearest first.

    Args:
        matches: nearest first.
        searched: number of tracklets compared.
        threshold: largest distance of a match; None without one.
        basis: one sentence on the pairs that the probabilities were fitted on; empty without probabilities.
    """

    matches: tuple[Match, ...]
    searched: int
    threshold: float | None = None
    basis: str = ""

    def __len__(self) -> int:
        return len(self.matches)

    def __getitem__(self, place: Any) -> Any:
        return self.matches[place]

    def __iter__(self) -> Iterator[Match]:
        return iter(self.matches)

    def __repr__(self) -> str:
        limit = "" if self.threshold is None else f" within {self.threshold:g}"
        lines = [
            f"{len(self)} of {self.searched} tracklets{limit} (similar appearance is no proof of identity)"
        ]
        heading = f"{'same person':<15} " if self.basis else ""
        if self.matches:
            lines.append(f"{'':>3} {'distance':>8}  {heading}{'camera':<12} {'from':<23} {'seconds':>8}  key")
        for rank, match in enumerate(self.matches, start=1):
            seconds = match.end - match.start
            duration = "" if math.isnan(seconds) else f"{seconds:.1f}"
            share = "" if match.probability is None else f"{100 * match.probability:3.0f} % {match.verdict}"
            lines.append(
                f"{rank:>3} {match.distance:>8.3f}  {f'{share:<15} ' if self.basis else ''}{match.camera:<12} "
                f"{match.when:<23} {duration:>8}  {match.key}"
            )
        return "\n".join([*lines, self.basis] if self.basis and self.matches else lines)

    def to_json(self) -> str:
        """Return a JSON list of objects with ``key``, ``camera``, ``start``, ``end``, ``distance`` and more."""
        return json.dumps([match.to_dict() for match in self.matches], indent=2)
