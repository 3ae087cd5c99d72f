"""CSV tables of recordings and of the identities of their tracks."""

import difflib
import math
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from videoreid.data.text_rows import Row, read_rows
from videoreid.errors import ConfigError

__all__ = ["Source", "number_cameras", "parse_source", "read_identities", "read_person_names", "read_sources"]

_MOST_NAMED = 10
_WHOLE = re.compile(r"[-+]?[0-9]+")
_COLUMNS = ("video", "track", "person")
_REMARKS = (
    "camera",
    "first_frame",
    "last_frame",
    "start",
    "end",
)  # columns for readers of the table, not used here


class Source(NamedTuple):
    """A recording and its track file.

    Args:
        video: the recording.
        tracks: its track file.
        camera: camera number, 0-based; -1 for a camera with a name and no number yet, see `number_cameras`.
        offset: seconds on the common clock at the first frame.
        rate: frames per second; None uses the time stamps of the video.
        name: name of the camera; empty if it has a number.
    """

    video: str
    tracks: str
    camera: int
    offset: float = 0.0
    rate: float | None = None
    name: str = ""


def number_cameras(sources: Sequence[Source]) -> list[Source]:
    """Number cameras that have names, from 0 in the order of the list.

    Raises:
        ConfigError: some cameras have names and others numbers.
    """
    names = {source.name: None for source in sources if source.name}
    if names and not all(source.name for source in sources):
        number = next(source.camera for source in sources if not source.name)
        raise ConfigError(
            f"camera {number} has a number and camera {next(iter(names))!r} a name: give names to all, or numbers"
        )
    places = {name: place for place, name in enumerate(names)}
    return [source._replace(camera=places[source.name]) if source.name else source for source in sources]


def parse_source(
    where: str, video: str, tracks: str, camera: str, offset: str = "", rate: str = ""
) -> Source:
    """Make a source from the texts of a command line or a table.

    A camera text that begins with a letter is a name.

    Raises:
        ConfigError: the camera is neither a name nor a whole number of 0 or more, the offset is not a number, or the
            rate is not above 0.
    """
    name = camera if camera[:1].isalpha() else ""
    try:
        number = 0 if name else int(camera)
        source = Source(video, tracks, number, float(offset or 0.0), float(rate) if rate else None, name)
    except ValueError:
        source = Source(video, tracks, -1)
    positive = source.rate is None or 0 < source.rate < math.inf
    if source.camera < 0 or not math.isfinite(source.offset) or not positive:
        raise ConfigError(
            f"{where}: camera {camera!r} must be a name or a whole number of 0 or more, offset {offset!r} a number and "
            f"fps {rate!r} one above 0; decimals are written with a point"
        )
    return source._replace(camera=-1) if name else source


def read_sources(path: str | os.PathLike[str]) -> list[Source]:
    """Read a list of recordings: a CSV with the columns video, tracks, camera and, optionally, offset and fps.

    Args:
        path: the table; paths in it are relative to its folder.

    Raises:
        ConfigError: a row is malformed or listed twice; the message has its line.
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
    """Read the identities of tracks: a CSV with the columns video, track and person.

    Persons are whole numbers from 1. If any of them is not, all are names, which are numbered from 1 in alphabetical
    order (`read_person_names` returns the names).
    A video is given by its path, relative to the folder of the table or to the current folder; the end of the path is
    enough if no other video shares it.

    Args:
        path: the table.
        videos: paths of the recordings.
        tracks: track ids of each recording.

    Returns:
        The person of each track, for every recording, and one message for each row with an unknown video or track.

    Raises:
        ConfigError: a malformed row, a video name that fits several videos, or a track with two persons; the message
            has its line.
    """
    people: list[dict[int, int]] = [{} for _ in videos]
    unmatched: list[str] = []
    rows = read_rows(path, _COLUMNS, ConfigError, optional=_REMARKS)
    numbers = {name: number for number, name in _names_of(rows).items()}
    for row in rows:
        track, person = _track_and_person(row, numbers)
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


def read_person_names(path: str | os.PathLike[str]) -> dict[int, str]:
    """Return the name of each person of a table of `read_identities`; an empty dict if persons are numbers.

    Raises:
        ConfigError: a malformed row; the message has its line.
    """
    return _names_of(read_rows(path, _COLUMNS, ConfigError, optional=_REMARKS))


def _names_of(rows: Sequence[Row]) -> dict[int, str]:
    texts = {row.fields["person"] for row in rows}
    if all(_WHOLE.fullmatch(text) for text in texts):
        return {}
    return dict(enumerate(sorted(texts), start=1))


def _track_and_person(row: Row, numbers: dict[str, int]) -> tuple[int, int]:
    try:
        track = int(row.fields["track"])
        person = numbers[row.fields["person"]] if numbers else int(row.fields["person"])
    except ValueError:
        raise ConfigError(f"{row.where}: track and person must be whole numbers") from None
    if person < 1:
        raise ConfigError(f"{row.where}: people are numbered from 1, got {person}")
    return track, person


def _find(name: str, folder: Path, videos: Sequence[str], where: str) -> list[int]:
    """Return the positions of the video with a name: several if one video is listed more than once."""
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
