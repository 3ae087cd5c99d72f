"""From a video and the tracks of a tracker to tracklets."""

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from videoreid.data.keys import Box
from videoreid.data.track_files import Tracks, read_tracks
from videoreid.data.video import iterate_video
from videoreid.errors import ConfigError, DatasetError, TrackFileError
from videoreid.types import Splits, Tracklet

__all__ = [
    "Tracks",
    "crop_tracklets",
    "iterate_crops",
    "read_tracks",
    "round_box",
    "split_tracks",
    "write_crop",
]

ImageFormat = Literal["png", "jpg"]


def crop_tracklets(
    video: str | os.PathLike[str],
    tracks: Tracks,
    output_dir: str | os.PathLike[str],
    *,
    camid: int = 0,
    image_format: ImageFormat = "png",
) -> list[Tracklet]:
    """Cut every track out of a video: one tracklet a track, in the order of track ids.

    The video is decoded once, from the first frame to the last that holds a box, with one frame in memory. A crop is
    its box rounded to whole pixels and clipped to the frame, written to ``<output_dir>/<track>/<frame>.<format>``.

    Args:
        video: any file that OpenCV decodes.
        tracks: boxes on this video's frames, as `read_tracks` gives them.
        output_dir: made where it is missing.
        camid: camera number of the tracklets, 0-based.
        image_format: "png" keeps the decoded pixels; "jpg" (quality 95) takes a fifth of the room.

    Returns:
        Tracklets whose ``pid`` is the track id and whose times are 0-based frame numbers.

    Raises:
        TrackFileError: a box lies wholly outside its frame, or past the end of the video; the message has its line.
        FrameError: the video is missing or cannot be decoded.
    """
    keys: dict[int, list[str]] = defaultdict(list)
    times: dict[int, list[int]] = defaultdict(list)
    for row, crop in iterate_crops(video, tracks):
        track, frame = int(tracks.track_ids[row]), int(tracks.frames[row])
        path = Path(output_dir, f"{track:04d}", f"{frame:06d}.{image_format}")
        write_crop(path, crop)
        keys[track].append(str(path))
        times[track].append(frame)
    return [
        Tracklet(tuple(keys[track]), pid=track, camid=camid, time=times[track][0], end_time=times[track][-1])
        for track in sorted(keys)
    ]


def iterate_crops(video: str | os.PathLike[str], tracks: Tracks) -> Iterator[tuple[int, np.ndarray]]:
    """Yield ``(row of tracks, crop)`` in the order of the video; a crop is ``(h, w, 3)`` uint8 RGB, a view.

    Raises:
        TrackFileError: a box lies wholly outside its frame, or past the end of the video.
        FrameError: the video is missing or cannot be decoded.
    """
    order = np.argsort(tracks.frames, kind="stable")
    done = count = 0
    for frame, image in enumerate(iterate_video(video)):
        count = frame + 1
        while done < len(order) and tracks.frames[order[done]] == frame:
            row = int(order[done])
            box = round_box(tracks, row, width=image.shape[1], height=image.shape[0])
            yield row, image[box.top : box.bottom, box.left : box.right]
            done += 1
        if done == len(order):
            return
    if done < len(order):
        row = int(order[done])
        raise TrackFileError(
            f"{tracks.where(row)}: frame {tracks.frames[row]} (counted from 0) is past the end of {os.fspath(video)}, "
            f"which has {count} frames; is this the track file of another video?"
        )


def round_box(tracks: Tracks, row: int, *, width: int, height: int) -> Box:
    """Round a box to whole pixels and clip it to a frame of ``width`` x ``height``.

    Raises:
        TrackFileError: nothing of the box lies within the frame.
    """
    left, top, box_width, box_height = tracks.boxes[row]
    edges = np.rint([left, top, left + box_width, top + box_height]).astype(int).tolist()
    box = Box(max(edges[0], 0), max(edges[1], 0), min(edges[2], width), min(edges[3], height))
    if box.left >= box.right or box.top >= box.bottom:
        raise TrackFileError(
            f"{tracks.where(row)}: track {tracks.track_ids[row]} at frame {tracks.frames[row]} lies outside the "
            f"{width}x{height} frame: left {left:g}, top {top:g}, width {box_width:g}, height {box_height:g}"
        )
    return box


def write_crop(path: Path, image: np.ndarray) -> None:
    """Write an RGB image, whole or not at all; the suffix says the format.

    Raises:
        ConfigError: the suffix is neither png nor jpg.
        DatasetError: the file cannot be written.
    """
    import cv2

    if path.suffix not in (".png", ".jpg"):
        raise ConfigError(f"crops are written as png or jpg, not as {path.suffix!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    temporary = path.with_name(f".{path.name}.tmp{path.suffix}")
    if not cv2.imwrite(str(temporary), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options):
        raise DatasetError(f"cannot write {path}: is the disk full, or the folder read-only?")
    temporary.replace(path)


def split_tracks(tracklets: Sequence[Tracklet], fraction: float) -> Splits:
    """Ask for the end of each track by its beginning: a test without labels from one video.

    The first ``fraction`` of a track's frames becomes a query of camera 0, the last ``fraction`` a gallery tracklet of
    camera 1, so that the cross-camera rule keeps the pair. The frames between are left out.

    Args:
        tracklets: one a track.
        fraction: share of the frames, above 0 and at most 0.5; at least one frame is taken.

    Raises:
        ConfigError: the fraction is out of range.
        DatasetError: a track has fewer than two frames.
    """
    if not 0.0 < fraction <= 0.5:
        raise ConfigError(f"fraction must be above 0 and at most 0.5, got {fraction}")
    query, gallery = [], []
    for tracklet in tracklets:
        if len(tracklet) < 2:
            raise DatasetError(f"track {tracklet.pid} has one frame: two or more are needed to split it")
        count = max(1, int(len(tracklet) * fraction))
        query.append(replace(tracklet, frames=tracklet.frames[:count], camid=0, end_time=math.nan))
        gallery.append(replace(tracklet, frames=tracklet.frames[-count:], camid=1, time=math.nan))
    return Splits("tracks", query=tuple(query), gallery=tuple(gallery))
