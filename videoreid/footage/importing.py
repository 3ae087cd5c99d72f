"""Several videos and their tracks into one dataset in the layout of MARS."""

import hashlib
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from videoreid.data.image_sequences import image_sequence, is_image_sequence
from videoreid.errors import ConfigError, DatasetError
from videoreid.footage.crops import ImageFormat, timed_crops, write_crop
from videoreid.footage.import_state import STAGING, alone_in, begin_move, clear_up, is_whole
from videoreid.footage.mars_layout import Piece, move_crops, share_out
from videoreid.footage.track_cutting import appearance_jumps, cut_at_gaps, describe_crop
from videoreid.footage.track_files import Tracks
from videoreid.utils import atomic_path, get_logger

__all__ = ["CutRules", "Footage", "import_footage"]

_DONE = "descriptors.npz"


@dataclass(frozen=True, eq=False)
class Footage:
    """One video, the tracks in it, and where and when it was taken.

    Args:
        video: any file that OpenCV decodes.
        tracks: boxes on its frames.
        camid: camera number, 0-based; several videos may share one.
        clock_offset: seconds on the common clock at the video's first frame.
        frames_per_second: None takes the time stamps of the video, frame by frame.
        identities: person of each track, 1 or more, where it is known; tracks that are not named become
            distractors (person 0). None makes every track a person of its own.

    Raises:
        ConfigError: the clock or the rate is no number, a person is below 1, or a track that is named does not exist.
    """

    video: str | os.PathLike[str]
    tracks: Tracks
    camid: int = 0
    clock_offset: float = 0.0
    frames_per_second: float | None = None
    identities: Mapping[int, int] | None = None

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


@dataclass(frozen=True)
class CutRules:
    """Where tracks are cut into tracklets.

    Args:
        max_gap: most missing frames within a tracklet.
        min_length: shorter tracklets are left out.
        jump_threshold: cut where the appearance jumps by more, and call what follows another person; None trusts
            the tracker. See `videoreid.footage.track_cutting.appearance_jumps`.
        jump_window: frames that are compared on either side of a jump.
    """

    max_gap: int = 25
    min_length: int = 4
    jump_threshold: float | None = None
    jump_window: int = 8


def import_footage(
    footage: Sequence[Footage],
    output_dir: str | os.PathLike[str],
    *,
    rules: CutRules = CutRules(),
    image_format: ImageFormat = "png",
    train_share: float = 0.5,
    seed: int = 0,
    progress: bool = False,
    strict: bool = False,
) -> Path:
    """Cut the tracks of several videos into a dataset that `build_dataset("mars", root=output_dir)` reads.

    Each video is decoded once, with one frame in memory. An interrupted import goes on with the first video that is
    not finished. Times, in seconds on the common clock, are written beside the tables (``info/tracks_time.csv``).

    Args:
        footage: the videos.
        output_dir: folder of the dataset; made where it is missing.
        rules: where tracks are cut.
        image_format: "png" keeps the decoded pixels; "jpg" (quality 95) takes a fifth of the room.
        train_share: share of the people that go to the training part; the others are asked for.
        seed: of that choice.
        progress: show a bar.
        strict: a box wholly outside its frame or on a damaged frame, and a tracklet shorter than ``rules.min_length``,
            is an error; else it is left out and counted.

    Returns:
        ``output_dir``.

    Raises:
        ConfigError: nothing to import, a camera the layout cannot name, or the folder holds a dataset already, or
            part of another import, or another process is importing into it.
        TrackFileError: a box past the end of its video, or, if strict, outside its frame.
        DatasetError: too few tracklets to make a training and a test part, or, if strict, a short one.
    """
    output = Path(output_dir)
    _check(footage, train_share)
    plan = _plan(footage, rules, (image_format, train_share, seed, strict))
    with alone_in(output):
        if is_whole(output, plan):
            return output
        pieces: list[Piece] = []
        people = max((p for f in footage for p in (f.identities or {}).values()), default=0)
        for number, item in enumerate(footage):
            folder = output / STAGING / str(number)
            staged = _stage(item, folder, image_format, progress=progress, strict=strict)
            cut, people, short = _cut(item, folder, staged, rules, people, image_format)
            _report_short(item, short, len(cut), rules, strict=strict)
            pieces += cut
        parts = share_out(pieces, train_share=train_share, seed=seed)
        begin_move(output, plan)
        move_crops(parts, output)
        clear_up(output)
    return output


def _check(footage: Sequence[Footage], train_share: float) -> None:
    if not footage:
        raise ConfigError("no footage: give one video with its tracks or more")
    if not 0.0 < train_share < 1.0:
        raise ConfigError(f"train_share must lie between 0 and 1, got {train_share}")
    for item in footage:
        if not 0 <= item.camid <= 5:
            raise ConfigError(f"camera {item.camid} of {item.video}: the layout of MARS names cameras 0 to 5")


def _plan(footage: Sequence[Footage], rules: CutRules, settings: tuple[object, ...]) -> str:
    """Return a fingerprint of all that decides what the dataset is."""
    digest = hashlib.sha256(repr((rules, settings)).encode())
    for item in footage:
        known = None if item.identities is None else sorted(item.identities.items())
        told = item.camid, item.clock_offset, item.frames_per_second, known
        digest.update(f"{_fingerprint(item, '')} {told!r}".encode())
    return digest.hexdigest()


class Staged(NamedTuple):
    """What was cut out of one video.

    Args:
        rows: rows of its tracks that have a crop, rising.
        seconds: of each, since the first frame of the video.
        descriptors: of each, ``(n, D)``.
    """

    rows: np.ndarray
    seconds: np.ndarray
    descriptors: np.ndarray


def _stage(item: Footage, folder: Path, image_format: ImageFormat, *, progress: bool, strict: bool) -> Staged:
    """Write every crop of a video, or find them written."""
    from tqdm import tqdm

    done = folder / _DONE
    fingerprint = _fingerprint(item, image_format)
    if done.is_file():
        if _saved_fingerprint(folder) != fingerprint:
            raise DatasetError(
                f"{folder} is the unfinished import of another video or other tracks: delete {folder.parent}, or give "
                "the videos in the order in which it was begun"
            )
        get_logger("data").info("going on: %s is cut already", item.video)
        with np.load(done) as saved:
            return Staged(saved["rows"], saved["seconds"], saved["descriptors"])
    found: dict[int, tuple[float, np.ndarray]] = {}
    crops = timed_crops(item.video, item.tracks, strict=strict)
    name = Path(item.video).name
    for row, crop, seconds in tqdm(
        crops, total=len(item.tracks), unit="crop", desc=name, disable=not progress
    ):
        found[row] = seconds, describe_crop(crop)
        write_crop(_staged(folder, row, image_format), crop)
    if not found:
        raise ConfigError(f"{item.video}: its tracks hold no box within the pictures")
    rows = np.array(sorted(found), dtype=np.int64)
    staged = Staged(
        rows, np.array([found[row][0] for row in rows]), np.stack([found[row][1] for row in rows])
    )
    with atomic_path(done) as path:
        np.savez(path, fingerprint=np.array(fingerprint), **staged._asdict())
    return staged


def _cut(
    item: Footage,
    folder: Path,
    staged: Staged,
    rules: CutRules,
    people: int,
    image_format: ImageFormat,
) -> tuple[list[Piece], int, list[int]]:
    """Return the tracklets of a video, the highest person number so far, and the tracks of those too short."""
    tracks = item.tracks.select(staged.rows)
    numbers = cut_at_gaps(tracks, rules.max_gap)
    other = np.zeros(len(numbers), dtype=bool)
    if rules.jump_threshold is not None:
        other = appearance_jumps(
            numbers, staged.descriptors, window=rules.jump_window, threshold=rules.jump_threshold
        )
        numbers = numbers + np.cumsum(other)
    seconds = _seconds(item, tracks, staged)
    pieces: list[Piece] = []
    track: int | None = None
    short: list[int] = []
    for rows in np.split(np.arange(len(numbers)), np.flatnonzero(np.diff(numbers)) + 1):
        known = int(tracks.track_ids[rows[0]])
        if item.identities is not None:
            pid = item.identities.get(known, 0)
        else:
            people += known != track or bool(other[rows[0]])
            pid = people
        track = known
        if len(rows) < rules.min_length:
            short.append(known)
            continue
        frames = tuple(_staged(folder, int(staged.rows[row]), image_format) for row in rows)
        pieces.append(Piece(frames, pid, item.camid, float(seconds[rows[0]]), float(seconds[rows[-1]])))
    return pieces, people, short


def _report_short(item: Footage, tracks: list[int], kept: int, rules: CutRules, *, strict: bool) -> None:
    if tracks and strict:
        raise DatasetError(
            f"{item.video}: {len(tracks)} tracklets have fewer than {rules.min_length} frames, the first is of track "
            f"{tracks[0]}; a smaller min_length keeps them"
        )
    if tracks:
        get_logger("data").warning(
            "%s: %d of %d tracklets have fewer than %d frames and were left out",
            *(item.video, len(tracks), len(tracks) + kept, rules.min_length),
        )


def _seconds(item: Footage, tracks: Tracks, staged: Staged) -> np.ndarray:
    """Return the time of every row on the common clock."""
    rate = item.frames_per_second
    if rate is None and np.isnan(staged.seconds).any():
        raise ConfigError(f"{item.video} has no times: give frames_per_second (fps in a list)")
    return item.clock_offset + np.asarray(staged.seconds if rate is None else tracks.frames / rate)


def _staged(folder: Path, row: int, image_format: ImageFormat) -> Path:
    return folder / f"{row // 1000:05d}" / f"{row:08d}.{image_format}"


def _fingerprint(item: Footage, image_format: str) -> str:
    video = os.fspath(item.video)
    files = [file for _, file in image_sequence(video)] if is_image_sequence(video) else [video]
    size = sum(Path(file).stat().st_size for file in files)
    digest = hashlib.sha256(f"{size} {image_format}".encode())
    for column in (item.tracks.frames, item.tracks.track_ids, item.tracks.boxes):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _saved_fingerprint(folder: Path) -> str:
    """Return the fingerprint of a video whose crops are all written; nothing where they are not."""
    try:
        with np.load(folder / _DONE) as saved:
            return str(saved["fingerprint"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return ""
