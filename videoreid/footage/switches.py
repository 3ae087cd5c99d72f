"""Cutting of tracks at identity switches of the tracker, found with a re-identification model."""

import os
from collections.abc import Iterator
from itertools import count
from typing import Any, Protocol

import numpy as np

from videoreid.errors import ConfigError
from videoreid.footage.crops import iterate_crops
from videoreid.footage.track_cutting import local_peaks
from videoreid.footage.track_files import Tracks

__all__ = ["Encoder", "cut_switches", "embed_boxes"]


class Encoder(Protocol):
    """A function that embeds pictures of persons, such as a `FeatureExtractor`."""

    def __call__(self, crops: list[np.ndarray], /) -> Any:
        """Return one embedding per crop, ``(N, D)``.

        Args:
            crops: ``(h, w, 3)`` uint8 RGB each.
        """


def embed_boxes(
    video: str | os.PathLike[str], tracks: Tracks, encoder: Encoder, *, every: int = 4, batch_size: int = 32
) -> np.ndarray:
    """Embed the boxes of every n-th frame, in one pass over the video.

    Args:
        video: the recording of the tracks.
        tracks: boxes on its frames.
        encoder: see `Encoder`.
        every: embed the boxes of frames 0, n, 2n, ... only.
        batch_size: crops that are embedded together.

    Returns:
        ``(N, D)`` float32 of unit length, one row per box; NaN for boxes that were not embedded.

    Raises:
        ConfigError: an option below 1, or the encoder does not return finite rows.
    """
    if every < 1 or batch_size < 1:
        raise ConfigError(f"every and batch_size must be 1 or more, got {every} and {batch_size}")
    chosen = np.flatnonzero(tracks.frames % every == 0)
    found: np.ndarray | None = None
    places: list[int] = []
    crops: list[np.ndarray] = []

    def encode() -> None:
        nonlocal found
        rows = np.asarray(encoder(crops), dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(crops) or not np.isfinite(rows).all():
            raise ConfigError(
                f"the encoder returned {rows.shape} for {len(crops)} crops: expected finite rows (N, D)"
            )
        if found is None:
            found = np.full((len(tracks), rows.shape[1]), np.nan, dtype=np.float32)
        found[places] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        places.clear()
        crops.clear()

    for row, crop in iterate_crops(video, tracks.select(chosen)):
        places.append(int(chosen[row]))
        crops.append(crop.copy())  # the crop is a view of a frame that is not kept
        if len(crops) == batch_size:
            encode()
    if crops:
        encode()
    return np.full((len(tracks), 1), np.nan, dtype=np.float32) if found is None else found


def cut_switches(
    tracks: Tracks, embeddings: np.ndarray, *, window: int = 4, threshold: float = 0.3
) -> tuple[Tracks, int]:
    """Cut tracks where the embedding changes from one person to another; the part after a cut gets a new id.

    The mean of the ``window`` embeddings before a box is compared with that of the ``window`` embeddings from it on; a
    track is cut where their cosine distance is above the threshold and the largest within a window.

    Args:
        tracks: the tracks of a tracker.
        embeddings: ``(N, D)`` of unit length, as `embed_boxes` returns them; rows of NaN are skipped.
        window: embeddings on either side; a track with fewer than two windows is not cut.
        threshold: cosine distance, above 0 and below 2.

    Returns:
        The tracks, and the number of cuts. The part after a cut gets the next free id.

    Raises:
        ConfigError: a window below 1, a threshold out of range, or lengths that differ.
    """
    if window < 1 or not 0.0 < threshold < 2.0 or len(embeddings) != len(tracks):
        raise ConfigError(
            f"expected a window of 1 or more, a threshold above 0 and below 2 and as many embeddings as boxes; got "
            f"{window}, {threshold}, {len(embeddings)} and {len(tracks)}"
        )
    ids = tracks.track_ids.copy()
    known = np.isfinite(embeddings).all(axis=1)
    free = _free_ids(ids)
    cuts = 0
    for name in np.unique(tracks.track_ids).tolist():
        rows = np.flatnonzero(tracks.track_ids == name)  # in the order of frames
        seen = rows[known[rows]]
        if len(seen) < 2 * window:
            continue
        for place in local_peaks(_distances(embeddings[seen], window), threshold, window):
            ids[rows[rows >= seen[place + window]]] = next(free)
            cuts += 1
    columns = (tracks.boxes, tracks.confidences, tracks.lines, tracks.source)
    return Tracks(tracks.frames, ids, *columns), cuts


def _free_ids(ids: np.ndarray) -> Iterator[int]:
    """Yield unused ids: first those above all others, then, at the end of the integer range, those between them."""
    used = set(ids.tolist())
    last = int(np.iinfo(ids.dtype).max) - (
        ids.dtype.kind == "u"
    )  # the largest uint64 marks boxes without a track
    yield from range(max(used, default=0) + 1, last + 1)
    yield from (number for number in count(1) if number not in used)


def _distances(embeddings: np.ndarray, window: int) -> np.ndarray:
    """Return the cosine distance between the means of neighbouring windows, ``(n - 2 window + 1,)``."""
    sums = np.cumsum(embeddings, axis=0, dtype=np.float64)
    means = np.concatenate([sums[window - 1 : window], sums[window:] - sums[:-window]])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return np.asarray(1.0 - (means[window:] * means[:-window]).sum(axis=1))
