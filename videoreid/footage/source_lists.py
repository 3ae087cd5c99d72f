"""Lists of recordings and of who is who in them, as CSV tables."""

import difflib
import math
import os
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from videoreid.data.text_rows import Row, read_rows
from videoreid.errors import ConfigError

__all__ = ["Source", "parse_source", "read_identities", "read_sources"]

_MOST_NAMED = 10
_REMARKS = ("camera", "first_frame", "last_frame", "start", "end")  # for people, not for us


class Source(NamedTuple):
    """A recording and where its tracks are.

    Args:
        video: the recording.
        tracks: its track file.
        camera: camera number, 0-based.
        offset: seconds on the common clock at the first frame.
        rate: frames per second; None takes the time stamps of the video.
    """

    video: str
    tracks: str
    camera: int
    offset: float = 0.0
    rate: float | None = None


def parse_source(
    where: str, video: str, tracks: str, camera: str, offset: str = "", rate: str = ""
) -> Source:
    """Make a source of the texts of a command or a table.

    Raises:
        ConfigError: the camera is no whole number of 0 or more, the offset no number, the rate none above 0.
    """
    try:
        source = Source(video, tracks, int(camera), float(offset or 0.0), float(rate) if rate else None)
    except ValueError:
        source = Source(video, tracks, -1)
    positive = source.rate is None or 0 < source.rate < math.inf
    if source.camera < 0 or not math.isfinite(source.offset) or not positive:
        raise ConfigError(
            f"{where}: camera {camera!r} must be a whole number of 0 or more, offset {offset!r} a number and fps "
            f"{rate!r} one above 0; decimals are written with a point"
        )
    return source


def read_sources(path: str | os.PathLike[str]) -> list[Source]:
    """Read a list of recordings: a CSV with the columns video, tracks, camera and, optionally, offset and fps.

    Args:
        path: the table; paths within it are relative to it.

    Raises:
        ConfigError: a malformed row, or one that is there twice; the message has its line.
    """
    path = Path(path)
    sources: list[Source] = []
    for row in read_rows(path, ("video", "tracks", "camera"), ConfigError, optional=("offset", "fps")):
        fields = row.fields
        video, tracks = (str(path.parent / fields[name]) for name in ("video", "tracks"))
        source = parse_source(
            row.where, video, tracks, fields["camera"], fields.get("offset", ""), fields.get("fps", "")
        )
        if source in sources:
            raise ConfigError(f"{row.where}: {fields['video']} is listed twice")
        sources.append(source)
    if not sources:
        raise ConfigError(f"{path} lists no video")
    return sources


def read_identities(
    path: str | os.PathLike[str], videos: Sequence[str], tracks: Sequence[Collection[int]]
) -> tuple[list[dict[int, int]], list[str]]:
    """Read who is who: a CSV with the columns video, track and person.

    A video is named by its path, from the folder of the table or from the current one; as much of the end of the path
    as no other video shares will do.

    Args:
        path: the table.
        videos: paths of the recordings.
        tracks: track ids of each.

    Returns:
        The person of each track, for every recording, and what was wrong with each row that names an unknown video or
        track.

    Raises:
        ConfigError: a malformed row, a video name that fits several, a track that is named as two people; the message
            has its line.
    """
    people: list[dict[int, int]] = [{} for _ in videos]
    unmatched: list[str] = []
    for row in read_rows(path, ("video", "track", "person"), ConfigError, optional=_REMARKS):
        track, person = _track_and_person(row)
        name = row.fields["video"]
        places = _find(name, Path(path).parent, videos, row.where)
        holding = [place for place in places if track in tracks[place]]
        if not places:
            near = difflib.get_close_matches(name, [*videos, *(Path(video).name for video in videos)], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            unmatched.append(f"{row.where}: no video {name} among the sources{hint}")
        elif not holding:
            unmatched.append(f"{row.where}: {name} has no track {track}")
        for place in holding:
            if people[place].setdefault(track, person) != person:
                raise ConfigError(
                    f"{row.where}: track {track} of {name} is named twice, as person {people[place][track]} and as "
                    f"person {person}"
                )
    return people, unmatched


def _track_and_person(row: Row) -> tuple[int, int]:
    try:
        track, person = int(row.fields["track"]), int(row.fields["person"])
    except ValueError:
        raise ConfigError(f"{row.where}: track and person must be whole numbers") from None
    if person < 1:
        raise ConfigError(f"{row.where}: people are numbered from 1, got {person}")
    return track, person


def _find(name: str, folder: Path, videos: Sequence[str], where: str) -> list[int]:
    """Return the places of the video that a name means: several where one video is listed more than once."""
    full = [os.path.realpath(video) for video in videos]
    meant = {os.path.realpath(folder / name), os.path.realpath(name)}
    found = [place for place, video in enumerate(full) if video in meant]
    if not found:
        parts = PurePath(os.path.normpath(name)).parts
        found = [place for place, video in enumerate(full) if PurePath(video).parts[-len(parts) :] == parts]
        found += [
            place
            for place, video in enumerate(videos)
            if place not in found and PurePath(os.path.normpath(video)).parts[-len(parts) :] == parts
        ]
    if len({full[place] for place in found}) > 1:
        fitting = " or ".join(videos[place] for place in found[:_MOST_NAMED])
        raise ConfigError(f"{where}: {name} may be {fitting}; write more of its path")
    return found
