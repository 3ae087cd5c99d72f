"""A recording with its tracks, camera, clock and the identities of its people."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from videoreid.errors import ConfigError
from videoreid.footage.track_files import Tracks

__all__ = ["Footage", "camera_names", "fits_mars"]


@dataclass(frozen=True, eq=False)
class Footage:
    """One video with its tracks, its camera and its clock.

    Args:
        video: any file that OpenCV decodes.
        tracks: boxes on its frames.
        camid: camera number, 0-based; several videos may share one.
        camera: name of the camera; empty for none.
        clock_offset: seconds on the common clock at the video's first frame.
        frames_per_second: frame rate; None uses the time stamps of the video, frame by frame.
        identities: person of each track, 1 or more, if known; tracks that are not listed become distractors
            (person 0). None makes every track a separate person.
        names: names of those persons, if they have names.

    Raises:
        ConfigError: the clock or the rate is not a number, a person is below 1, or a listed track does not exist.
    """

    video: str | os.PathLike[str]
    tracks: Tracks
    camid: int = 0
    clock_offset: float = 0.0
    frames_per_second: float | None = None
    identities: Mapping[int, int] | None = None
    camera: str = ""
    names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rate = self.frames_per_second
        if not math.isfinite(self.clock_offset) or (rate is not None and not 0.0 < rate < math.inf):
            raise ConfigError(
                f"{self.video}: clock_offset {self.clock_offset} must be finite and frames_per_second {rate} above 0"
            )
        named = self.identities or {}
        if any(person < 1 for person in named.values()):
            raise ConfigError(f"{self.video}: people are numbered from 1, got {min(named.values())}")
        unknown = sorted(set(named) - set(self.tracks.track_ids.tolist()))
        if unknown:
            raise ConfigError(
                f"{self.video}: identities name {len(unknown)} tracks that {self.tracks.source} does not hold, the "
                f"first is {unknown[0]}"
            )


def fits_mars(footage: Sequence[Footage]) -> bool:
    """Return whether the layout of MARS can hold the footage: at most six cameras, no names of cameras or persons."""
    return all(item.camid <= 5 and not item.camera and not item.names for item in footage)


def camera_names(footage: Sequence[Footage]) -> dict[int, str]:
    """Return the names of the cameras that have one, by camera number."""
    return {item.camid: item.camera for item in footage if item.camera}
