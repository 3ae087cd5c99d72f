"""Lists of recordings and of who is who in them, as CSV tables."""

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
_REMARKS = ("camera", "first_frame", "last_frame", "start", "end")  # for people, not for us


class Source(NamedTuple):
    """A recording and where its tracks are.

    Args:
        video: the recording.
        tracks: its track file.
        camera: camera number, 0-based; -1 for one that has a name and no number yet, see `number_cameras`.
        offset: seconds on the common clock at the first frame.
        rate: frames per second; None takes the time stamps of the video.
        name: of the camera; empty where it has a number.
    """

    video: str
    tracks: str
    camera: int
    offset: float = 0.0
    rate: float | None = None
    name: str = ""


def number_cameras(sources: Sequence[Source]) -> list[Source]:
    """Give cameras that have names their numbers, from 0 in the order in which they come.

    Raises:
        ConfigError: some cameras have names and others numbers.
    """
    names = {source.name: None for source in sources if source.name}
    if names and not all(source.name for source in sources):
        number = next(source.camera for source in sources if not source.name)
        raise ConfigError(
            f"camera {number} has a number and camera {next(iter(names))!r} a name: give all of them names, or numbers"
        )
    places = {name: place for place, name in enumerate(names)}
    return [source._replace(camera=places[source.name]) if source.name else source for source in sources]


def parse_source(
    where: str, video: str, tracks: str, camera: str, offset: str = "", rate: str = ""
) -> Source:
    """Make a source of the texts of a command or a table.

    A camera whose text begins with a letter is one with a name.

    Raises:
        ConfigError: the camera is no name and no whole number of 0 or more, the offset no number, the rate none
            above 0.
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

    Persons are whole numbers from 1, or, as soon as one of them is not, names, which are numbered from 1 in the order
    of the alphabet (`read_person_names` says which is which).
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
    """Return the name of each person of a table of `read_identities`; nothing where they are numbers.

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
