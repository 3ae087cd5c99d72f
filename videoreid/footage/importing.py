"""Import of several videos and their tracks into one dataset, in the layout of MARS or of folders."""

import hashlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from videoreid.data.image_sequences import image_sequence, is_image_sequence
from videoreid.errors import ConfigError, DatasetError
from videoreid.footage.crops import ImageFormat, timed_crops, write_crop
from videoreid.footage.filmed import Footage, camera_names, fits_mars
from videoreid.footage.folder_layout import move_to_folders
from videoreid.footage.import_state import STAGING, alone_in, begin_move, clear_up, is_whole
from videoreid.footage.mars_layout import Piece, divide_people, move_crops, share_out
from videoreid.footage.track_cutting import appearance_jumps, cut_at_gaps, describe_crop
from videoreid.footage.track_files import Tracks
from videoreid.utils import atomic_path, get_logger

__all__ = ["CutRules", "Footage", "import_footage"]

_DONE = "descriptors.npz"


@dataclass(frozen=True)
class CutRules:
    """Rules by which tracks are cut into tracklets.

    Args:
        max_gap: largest number of missing frames within a tracklet.
        min_length: shorter tracklets are left out.
        jump_threshold: cut where the appearance changes by more, and treat the rest as another person; None trusts the
            tracker. See `videoreid.footage.track_cutting.appearance_jumps`.
        jump_window: number of frames compared on either side of a jump.
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
    """Cut the tracks of several videos into a dataset that `build_dataset` reads.

    Footage of up to six cameras, without names of cameras or persons, gives the layout of MARS
    (``build_dataset("mars", root=output_dir)``), with times in ``info/tracks_time.csv``. More cameras, or names, give
    folders and a table ``frames.csv`` with the names (``build_dataset("folder", root=output_dir)``). Times are in
    seconds on the common clock. Each video is decoded once, with one frame in memory. An interrupted import resumes
    with the first video that is not finished.

    Args:
        footage: the videos.
        output_dir: folder of the dataset; created if missing.
        rules: rules by which tracks are cut.
        image_format: "png" keeps the decoded pixels; "jpg" (quality 95) takes a fifth of the space.
        train_share: share of the people in the training part; the others are in the test part.
        seed: seed of that choice.
        progress: show a progress bar.
        strict: raise an error for a box wholly outside its frame or on a damaged frame, and for a tracklet shorter than
            ``rules.min_length``; otherwise they are left out and counted.

    Returns:
        ``output_dir``.

    Raises:
        ConfigError: nothing to import, a camera below 0 or with two names, the folder already holds a dataset or part
            of another import, or another process is importing into it.
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
        divide = share_out if fits_mars(footage) else divide_people
        parts = divide(pieces, train_share=train_share, seed=seed)
        begin_move(output, plan)
        if fits_mars(footage):
            move_crops(parts, output)
        else:
            move_to_folders(
                parts, output, camera_names(footage), {k: v for f in footage for k, v in f.names.items()}
            )
        clear_up(output)
    return output


def _check(footage: Sequence[Footage], train_share: float) -> None:
    if not footage:
        raise ConfigError("no footage: give one or more videos with their tracks")
    if not 0.0 < train_share < 1.0:
        raise ConfigError(f"train_share must lie between 0 and 1, got {train_share}")
    for item in footage:
        if item.camid < 0:
            raise ConfigError(f"camera {item.camid} of {item.video}: cameras are numbered from 0")
    for camid, name in {(item.camid, item.camera) for item in footage}:
        known = camera_names(footage).get(camid, name)
        if known != name:
            raise ConfigError(f"camera {camid} is called {known!r} and {name!r}: give it one name")


def _plan(footage: Sequence[Footage], rules: CutRules, settings: tuple[object, ...]) -> str:
    """Return a fingerprint of everything that determines the dataset."""
    digest = hashlib.sha256(repr((rules, settings)).encode())
    for item in footage:
        known = None if item.identities is None else sorted(item.identities.items())
        settings_of_item: tuple[object, ...] = (item.camid, item.clock_offset, item.frames_per_second, known)
        if item.camera or item.names:
            settings_of_item += item.camera, sorted(item.names.items())
        digest.update(f"{_fingerprint(item, '')} {settings_of_item!r}".encode())
    return digest.hexdigest()


class Staged(NamedTuple):
    """The crops of one video.

    Args:
        rows: ``(n,)`` int64 rows of its tracks that have a crop, rising.
        seconds: ``(n,)`` time of each row since the first frame of the video.
        descriptors: ``(n, D)`` descriptor of each crop, see `describe_crop`.
    """

    rows: np.ndarray
    seconds: np.ndarray
    descriptors: np.ndarray


def _stage(item: Footage, folder: Path, image_format: ImageFormat, *, progress: bool, strict: bool) -> Staged:
    """Write every crop of a video, unless an earlier run wrote them."""
    from tqdm import tqdm

    done = folder / _DONE
    fingerprint = _fingerprint(item, image_format)
    if done.is_file():
        if _saved_fingerprint(folder) != fingerprint:
            raise DatasetError(
                f"{folder} is the unfinished import of another video or other tracks: delete {folder.parent}, or give "
                "the videos in the order in which it was begun"
            )
        get_logger("data").info("resuming: the crops of %s are already written", item.video)
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
    """Return the tracklets of a video, the highest person number so far, and the tracks of too short tracklets."""
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
    """Return the fingerprint of a video whose crops are all written; "" if they are not."""
    try:
        with np.load(folder / _DONE) as saved:
            return str(saved["fingerprint"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return ""
