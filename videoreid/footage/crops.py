"""Tracklets from a video and the tracks of a tracker."""

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from videoreid.data.keys import Box, video_key
from videoreid.data.video import VideoFrame, iterate_frames, packets_left
from videoreid.errors import ConfigError, DatasetError, FrameError, TrackFileError
from videoreid.footage.track_files import Tracks, read_tracks
from videoreid.types import Splits, Tracklet
from videoreid.utils import get_logger

__all__ = [
    "Tracks",
    "crop_tracklets",
    "iterate_crops",
    "read_tracks",
    "round_box",
    "split_tracks",
    "timed_crops",
    "video_tracklets",
    "write_crop",
]

ImageFormat = Literal["png", "jpg"]
_MOST_NAMED = 10


def crop_tracklets(
    video: str | os.PathLike[str],
    tracks: Tracks,
    output_dir: str | os.PathLike[str],
    *,
    camid: int = 0,
    image_format: ImageFormat = "png",
    strict: bool = False,
) -> list[Tracklet]:
    """Crop every track from a video: one tracklet per track, in the order of track ids.

    The video is decoded once, from the first frame to the last that holds a box, with one frame in memory. A crop is
    its box rounded to whole pixels and clipped to the frame, written to ``<output_dir>/<track>/<frame>.<format>``.

    Args:
        video: any file that OpenCV decodes.
        tracks: boxes on this video's frames, as `read_tracks` returns them.
        output_dir: folder of the crops; created if missing.
        camid: camera number of the tracklets, 0-based.
        image_format: "png" keeps the decoded pixels; "jpg" (quality 95) takes a fifth of the space.
        strict: see `iterate_crops`.

    Returns:
        Tracklets whose ``pid`` is the track id and whose times are 0-based frame numbers. A track without any usable
        box is left out.

    Raises:
        TrackFileError: a box is past the end of the video, or, if strict, wholly outside its frame; the message has
            its line. Or a track id is 2^63 or more.
        FrameError: the video is missing or cannot be decoded.
    """
    _check_pids(tracks)
    keys: dict[int, list[str]] = defaultdict(list)
    times: dict[int, list[int]] = defaultdict(list)
    for row, crop in iterate_crops(video, tracks, strict=strict):
        track, frame = int(tracks.track_ids[row]), int(tracks.frames[row])
        path = Path(output_dir, f"{track:04d}", f"{frame:06d}.{image_format}")
        write_crop(path, crop)
        keys[track].append(str(path))
        times[track].append(frame)
    return [
        Tracklet(tuple(keys[track]), pid=track, camid=camid, time=times[track][0], end_time=times[track][-1])
        for track in sorted(keys)
    ]


def video_tracklets(
    video: str | os.PathLike[str], tracks: Tracks, *, camid: int = 0, strict: bool = False
) -> list[Tracklet]:
    """Return every track as a tracklet whose frames are keys into the video; nothing is written.

    The video is decoded once, to find the boxes that can be used; frames are read again by their keys.

    Args:
        video: any file that OpenCV decodes.
        tracks: boxes on this video's frames.
        camid: camera number of the tracklets, 0-based.
        strict: see `iterate_crops`.

    Returns:
        Tracklets as from `crop_tracklets`; a key looks like ``video.avi::frame=12&box=left,top,right,bottom``.

    Raises:
        TrackFileError: see `crop_tracklets`.
        FrameError: the video is missing or cannot be decoded.
    """
    _check_pids(tracks)
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for row, box, frame in _located(video, tracks, strict=strict):
        found[int(tracks.track_ids[row])].append((frame.number, video_key(video, frame.number, box)))
    return [
        Tracklet(tuple(key for _, key in seen), pid=track, camid=camid, time=seen[0][0], end_time=seen[-1][0])
        for track, seen in sorted(found.items())
    ]


def _check_pids(tracks: Tracks) -> None:
    """Refuse track ids that cannot be pids."""
    largest = max(tracks.track_ids.tolist(), default=0)
    if largest > np.iinfo(np.int64).max:
        raise TrackFileError(
            f"{tracks.source}: track {largest} cannot be a pid, which is a signed 64-bit number: renumber the tracks "
            "(Tracks(frames, ids, boxes)) before you crop them"
        )


def iterate_crops(
    video: str | os.PathLike[str], tracks: Tracks, *, strict: bool = False
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``(row of tracks, crop)`` in the order of the video; a crop is ``(h, w, 3)`` uint8 RGB, a view.

    Boxes wholly outside their frame, and boxes on a damaged frame, are left out; a warning counts them.

    Args:
        video: any file that OpenCV decodes.
        tracks: boxes on its frames.
        strict: raise an error for the first box that would be left out.

    Raises:
        TrackFileError: a box is past the end of the video, or, if strict, wholly outside its frame.
        FrameError: the video is missing or cannot be decoded, or, if strict, a frame with a box is damaged.
    """
    for row, crop, _ in timed_crops(video, tracks, strict=strict):
        yield row, crop


def timed_crops(
    video: str | os.PathLike[str], tracks: Tracks, *, strict: bool = False
) -> Iterator[tuple[int, np.ndarray, float]]:
    """Yield ``(row, crop, seconds since the first frame)`` as `iterate_crops` does."""
    for row, box, frame in _located(video, tracks, strict=strict):
        yield row, frame.image[box.top : box.bottom, box.left : box.right], frame.seconds


def _located(
    video: str | os.PathLike[str], tracks: Tracks, *, strict: bool
) -> Iterator[tuple[int, Box, VideoFrame]]:
    """Yield ``(row, box within the frame, frame)`` in the order of the video."""
    order = np.argsort(tracks.frames, kind="stable")
    done, last = 0, -1
    outside: list[int] = []
    damaged: list[int] = []
    for frame in iterate_frames(video) if len(order) else ():
        while done < len(order) and tracks.frames[order[done]] < frame.number:
            damaged.append(int(order[done]))
            done += 1
        if strict and damaged:
            raise FrameError(
                f"{tracks.where(damaged[0])}: frame {tracks.frames[damaged[0]]} of {video} is damaged"
            )
        last = frame.number
        while done < len(order) and tracks.frames[order[done]] == last:
            row = int(order[done])
            done += 1
            try:
                box = round_box(tracks, row, width=frame.image.shape[1], height=frame.image.shape[0])
            except TrackFileError:
                if strict:
                    raise
                outside.append(row)
                continue
            yield row, box, frame
        if done == len(order):
            break
    if done < len(order):
        damaged += _lost_at_the_end(video, tracks, order[done:], last)
    _report(tracks, outside, "lie wholly outside their frame")
    _report(tracks, damaged, f"are on damaged frames of {os.fspath(video)}")


def _lost_at_the_end(video: str | os.PathLike[str], tracks: Tracks, rest: np.ndarray, last: int) -> list[int]:
    """Return the rows on frames lost at the damaged end of a video; refuse rows past the end of the video."""
    past = rest[tracks.frames[rest] > last + packets_left(video)]
    if len(past):
        row = int(past[0])
        raise TrackFileError(
            f"{tracks.where(row)}: frame {tracks.frames[row]} (counted from 0) is past the end of {os.fspath(video)}, "
            f"which has {last + 1} frames; is this the track file of another video?"
        )
    lost: list[int] = rest.tolist()
    return lost


def _report(tracks: Tracks, rows: Sequence[int], what: str) -> None:
    if rows:
        named = ", ".join(tracks.where(row).rpartition(", ")[2] for row in rows[:_MOST_NAMED])
        get_logger("data").warning(
            "%s: %d of %d boxes %s and were left out: %s%s",
            *(tracks.source, len(rows), len(tracks), what, named, ", ..." if len(rows) > _MOST_NAMED else ""),
        )


def round_box(tracks: Tracks, row: int, *, width: int, height: int) -> Box:
    """Round a box to whole pixels and clip it to a frame of ``width`` x ``height``.

    Raises:
        TrackFileError: nothing of the box lies within the frame.
    """
    left, top, box_width, box_height = tracks.boxes[row]
    edges = np.rint([left, top, left + box_width, top + box_height])
    limits = np.array([width, height, width, height], dtype=np.float64)
    box = Box(*np.clip(edges, 0.0, limits).astype(int).tolist())  # clipped first: 1e300 is not an integer
    if box.left >= box.right or box.top >= box.bottom:
        raise TrackFileError(
            f"{tracks.where(row)}: track {tracks.track_ids[row]} at frame {tracks.frames[row]} lies outside the "
            f"{width}x{height} frame: left {left:g}, top {top:g}, width {box_width:g}, height {box_height:g}"
        )
    return box


def write_crop(path: Path, image: np.ndarray) -> None:
    """Write an RGB image ``(H, W, 3)`` uint8 atomically; the suffix chooses the format.

    Raises:
        ConfigError: the suffix is neither png nor jpg.
        DatasetError: the file cannot be written.
    """
    import cv2

    if path.suffix not in (".png", ".jpg"):
        raise ConfigError(f"crops are written as png or jpg, not as {path.suffix!r}")
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    ok, encoded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not ok:
        raise DatasetError(f"cannot encode {path}: OpenCV refuses an image of the shape {image.shape}")
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(encoded.tobytes())  # cv2.imwrite crashes on a path that is not UTF-8
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise DatasetError(f"cannot write {path}: {error.strerror}") from error


def split_tracks(tracklets: Sequence[Tracklet], fraction: float, *, strict: bool = False) -> Splits:
    """Split each track into a query (its start) and a gallery tracklet (its end): a test without labels.

    The first ``fraction`` of a track's frames becomes a query of camera 0, the last ``fraction`` a gallery tracklet of
    camera 1, so that the cross-camera rule keeps the pair. The frames between are left out. Tracks of one frame cannot
    be split and are left out; a warning counts them.

    Args:
        tracklets: one tracklet per track.
        fraction: share of the frames, above 0 and at most 0.5; at least one frame is used.
        strict: raise an error for a track of one frame.

    Raises:
        ConfigError: the fraction is out of range.
        DatasetError: no track has two frames, or, if strict, one has fewer.
    """
    if not 0.0 < fraction <= 0.5:
        raise ConfigError(f"fraction must be above 0 and at most 0.5, got {fraction}")
    short = [tracklet.pid for tracklet in tracklets if len(tracklet) < 2]
    if short and (strict or len(short) == len(tracklets)):
        raise DatasetError(f"track {short[0]} has one frame: two or more are needed to split it")
    if short:
        named = ", ".join(map(str, short[:_MOST_NAMED])) + (", ..." if len(short) > _MOST_NAMED else "")
        get_logger("data").warning(
            "%d of %d tracks have one frame, which cannot be split, and were left out: %s",
            *(len(short), len(tracklets), named),
        )
    query, gallery = [], []
    for tracklet in tracklets:
        if len(tracklet) < 2:
            continue
        count = max(1, int(len(tracklet) * fraction))
        query.append(replace(tracklet, frames=tracklet.frames[:count], camid=0, end_time=math.nan))
        gallery.append(replace(tracklet, frames=tracklet.frames[-count:], camid=1, time=math.nan))
    return Splits("tracks", query=tuple(query), gallery=tuple(gallery))
