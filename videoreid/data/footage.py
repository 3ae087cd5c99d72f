"""Several videos and their tracks into one dataset in the layout of MARS."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videoreid.data.footage_layout import Piece, write_layout
from videoreid.data.track_cutting import appearance_jumps, cut_at_gaps, describe_crop
from videoreid.data.tracks import ImageFormat, Tracks, iterate_crops, write_crop
from videoreid.data.video import frame_rate
from videoreid.errors import ConfigError, DatasetError
from videoreid.utils import atomic_path, get_logger

__all__ = ["CutRules", "Footage", "import_footage"]

STAGING = ".staging"


@dataclass(frozen=True, eq=False)
class Footage:
    """One video, the tracks in it, and where and when it was taken.

    Args:
        video: any file that OpenCV decodes.
        tracks: boxes on its frames.
        camid: camera number, 0-based; several videos may share one.
        clock_offset: seconds on the common clock at the video's first frame.
        frames_per_second: None asks the video.
        identities: person of each track, 1 or more, where it is known; tracks that are not named become
            distractors (person 0). None makes every track a person of its own.
    """

    video: str | os.PathLike[str]
    tracks: Tracks
    camid: int = 0
    clock_offset: float = 0.0
    frames_per_second: float | None = None
    identities: Mapping[int, int] | None = None


@dataclass(frozen=True)
class CutRules:
    """Where tracks are cut into tracklets.

    Args:
        max_gap: most missing frames within a tracklet.
        min_length: shorter tracklets are left out.
        jump_threshold: cut where the appearance jumps by more, and call what follows another person; None trusts
            the tracker. See `videoreid.data.track_cutting.appearance_jumps`.
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

    Returns:
        ``output_dir``.

    Raises:
        ConfigError: nothing to import, a camera the layout cannot name, or the folder holds a dataset already.
        TrackFileError: a box outside its frame, or past the end of its video.
        DatasetError: too few tracklets to make a training and a test part.
    """
    output = Path(output_dir)
    _check(footage, output, train_share)
    pieces: list[Piece] = []
    people = max((p for f in footage for p in (f.identities or {}).values()), default=0)
    for number, item in enumerate(footage):
        descriptors = _stage(item, output / STAGING / str(number), image_format, progress=progress)
        cut, people = _cut(item, output / STAGING / str(number), descriptors, rules, people, image_format)
        pieces += cut
    write_layout(pieces, output, train_share=train_share, seed=seed)
    _remove_staging(output / STAGING)
    return output


def _check(footage: Sequence[Footage], output: Path, train_share: float) -> None:
    if not footage:
        raise ConfigError("no footage: give one video with its tracks or more")
    if not 0.0 < train_share < 1.0:
        raise ConfigError(f"train_share must lie between 0 and 1, got {train_share}")
    if (output / "info").exists():
        raise ConfigError(f"{output} holds a dataset already: choose another folder")
    for item in footage:
        if not 0 <= item.camid <= 5:
            raise ConfigError(f"camera {item.camid} of {item.video}: the layout of MARS names cameras 0 to 5")


def _stage(item: Footage, folder: Path, image_format: ImageFormat, *, progress: bool) -> np.ndarray:
    """Write every crop of a video and return the descriptors of all boxes, ``(N, D)``."""
    from tqdm import tqdm

    done = folder / "descriptors.npz"
    fingerprint = _fingerprint(item, image_format)
    if done.is_file():
        with np.load(done) as saved:
            if str(saved["fingerprint"]) != fingerprint:
                raise DatasetError(
                    f"{folder} is the unfinished import of another video or other tracks: delete {folder.parent}"
                )
            get_logger("data").info("going on: %s is cut already", item.video)
            return saved["descriptors"]
    descriptors: np.ndarray | None = None
    crops = iterate_crops(item.video, item.tracks)
    name = Path(item.video).name
    for row, crop in tqdm(crops, total=len(item.tracks), unit="crop", desc=name, disable=not progress):
        described = describe_crop(crop)
        if descriptors is None:
            descriptors = np.zeros((len(item.tracks), len(described)), dtype=np.float32)
        descriptors[row] = described
        write_crop(_staged(folder, row, image_format), crop)
    if descriptors is None:
        raise ConfigError(f"{item.video}: its tracks hold no box")
    with atomic_path(done) as path:
        np.savez(path, fingerprint=np.array(fingerprint), descriptors=descriptors)
    return descriptors


def _cut(
    item: Footage,
    folder: Path,
    descriptors: np.ndarray,
    rules: CutRules,
    people: int,
    image_format: ImageFormat,
) -> tuple[list[Piece], int]:
    """Return the tracklets of a video and the highest person number so far."""
    numbers = cut_at_gaps(item.tracks, rules.max_gap)
    other = np.zeros(len(numbers), dtype=bool)
    if rules.jump_threshold is not None:
        other = appearance_jumps(
            numbers, descriptors, window=rules.jump_window, threshold=rules.jump_threshold
        )
        numbers = numbers + np.cumsum(other)
    rate = item.frames_per_second or frame_rate(item.video)
    pieces, track = [], -1
    for rows in np.split(np.arange(len(numbers)), np.flatnonzero(np.diff(numbers)) + 1):
        known = int(item.tracks.track_ids[rows[0]])
        if item.identities is not None:
            pid = item.identities.get(known, 0)
        else:
            people += known != track or bool(other[rows[0]])
            pid = people
        track = known
        if len(rows) >= rules.min_length:
            seconds = item.clock_offset + item.tracks.frames[rows[[0, -1]]] / rate
            frames = tuple(_staged(folder, int(row), image_format) for row in rows)
            pieces.append(Piece(frames, pid, item.camid, float(seconds[0]), float(seconds[1])))
    return pieces, people


def _staged(folder: Path, row: int, image_format: ImageFormat) -> Path:
    return folder / f"{row // 1000:05d}" / f"{row:08d}.{image_format}"


def _fingerprint(item: Footage, image_format: ImageFormat) -> str:
    digest = hashlib.sha256(f"{Path(item.video).stat().st_size} {image_format}".encode())
    for column in (item.tracks.frames, item.tracks.track_ids, item.tracks.boxes):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _remove_staging(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
