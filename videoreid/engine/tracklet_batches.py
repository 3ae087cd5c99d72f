"""Clips of tracklets of any length, in batches of a bounded number of frames."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from videoreid.data.frames import FrameReader
from videoreid.data.sampling import sample_indices
from videoreid.data.transforms import ClipTransform
from videoreid.errors import ConfigError
from videoreid.types import Tracklet
from videoreid.utils import generator_from

__all__ = ["ClipCounts", "FrameBatch", "FramePlan", "count_clips", "read_batches", "share_clips"]


@dataclass(frozen=True)
class FramePlan:
    """How clips are chosen, transformed and batched.

    Args:
        num_frames: frames of a clip T.
        sampling: a rule of `videoreid.data.sampling`.
        transform: turns the frames of a clip into ``(T, 3, H, W)`` uint8.
        frame_budget: largest number of frames in a batch.
        threads: number of threads that decode.
        batch_frames: largest number of frames in a batch of several clips; None takes the budget.
    """

    num_frames: int
    sampling: str
    transform: ClipTransform
    frame_budget: int
    threads: int
    batch_frames: int | None = None


class FrameBatch(NamedTuple):
    """A batch of clips of equal length.

    Args:
        frames: ``(B, T, 3, H, W)`` uint8.
        rows: for each clip, the position of its tracklet.
    """

    frames: Tensor
    rows: list[int]


@dataclass(frozen=True)
class ClipCounts:
    """Number of clips and frames of each tracklet.

    Args:
        clips: ``(N,)`` int64.
        frames: ``(N,)`` int64, summed over the clips of a tracklet.
    """

    clips: np.ndarray
    frames: np.ndarray

    @property
    def total(self) -> int:
        """Number of all clips."""
        return int(self.clips.sum())


def count_clips(tracklets: Sequence[Tracklet], plan: FramePlan) -> ClipCounts:
    """Return the number of clips and frames of each tracklet, without reading a frame."""
    sizes = [_clips(row, tracklets[row], plan) for row in range(len(tracklets))]
    return ClipCounts(
        np.array([len(clips) for clips in sizes], dtype=np.int64),
        np.array([sum(map(len, clips)) for clips in sizes], dtype=np.int64),
    )


def share_clips(
    counts: ClipCounts, done: Sequence[tuple[int, int]], *, processes: int
) -> list[list[tuple[int, int]]]:
    """Divide the unfinished clips among processes by their frames; a long tracklet is cut between clips.

    Args:
        counts: of all tracklets.
        done: ranges of finished clips ``(first, last)``, ascending, ``last`` not included.
        processes: number of processes.

    Returns:
        For each process, ascending ranges of clips. Together they hold every unfinished clip once, in the order of the
        processes.
    """
    weights = np.repeat(counts.frames / np.maximum(counts.clips, 1), counts.clips)
    for first, last in done:
        weights[first:last] = 0
    ends = np.cumsum(weights)
    left = np.flatnonzero(weights)
    owner = np.minimum((ends[left] - weights[left] / 2) * processes / max(ends[-1], 1), processes - 1)
    shares = []
    for process in range(processes):
        own = left[owner.astype(np.int64) == process]
        cuts = np.flatnonzero(np.diff(own) > 1) + 1
        shares.append([(int(run[0]), int(run[-1]) + 1) for run in np.split(own, cuts) if len(run)])
    return shares


def read_batches(
    tracklets: Sequence[Tracklet], plan: FramePlan, *, first: int = 0, last: int | None = None
) -> Iterator[FrameBatch]:
    """Yield batches of clips in order; at most three batches are in memory.

    Args:
        tracklets: to read.
        plan: how they are read.
        first: number of the first clip, counted over all tracklets.
        last: number after the last clip; None reads all.

    Raises:
        ConfigError: a clip has more frames than the budget.
        FrameError: a frame cannot be read.
    """
    reader = FrameReader()
    with ThreadPoolExecutor(max_workers=plan.threads) as pool:
        waiting: deque[tuple[list[int], list[Future[Tensor]]]] = deque()
        try:
            for group in _groups(tracklets, plan, first, last):
                futures = [
                    pool.submit(_read_clip, reader, tracklets[row], indices, plan.transform)
                    for row, indices in group
                ]
                waiting.append(([row for row, _ in group], futures))
                if len(waiting) > 2:
                    yield _joined(*waiting.popleft())
            while waiting:
                yield _joined(*waiting.popleft())
        finally:
            for _, futures in waiting:
                for future in futures:
                    future.cancel()


def _clips(row: int, tracklet: Tracklet, plan: FramePlan) -> list[np.ndarray]:
    generator = generator_from(0, 0, 0, row)
    return list(sample_indices(plan.sampling, len(tracklet), plan.num_frames, generator))


def _groups(
    tracklets: Sequence[Tracklet], plan: FramePlan, first: int, last: int | None
) -> Iterator[list[tuple[int, np.ndarray]]]:
    """Yield (tracklet, frame numbers) of clips of one length that fill a batch."""
    group: list[tuple[int, np.ndarray]] = []
    most = min(plan.frame_budget, plan.batch_frames or plan.frame_budget)
    number = -1
    for row in range(len(tracklets)):
        if last is not None and number + 1 >= last:
            break
        for indices in _clips(row, tracklets[row], plan):
            number += 1
            if number < first or (last is not None and number >= last):
                continue
            if len(indices) > plan.frame_budget:
                raise ConfigError(
                    f"tracklet {row}: a clip of {len(indices)} frames is more than the budget of {plan.frame_budget} "
                    "frames: raise frame_budget, or use a sampling rule that cuts clips ('all_continuous')"
                )
            if group and (len(indices) != len(group[0][1]) or (len(group) + 1) * len(indices) > most):
                yield group
                group = []
            group.append((row, indices))
    if group:
        yield group


def _read_clip(
    reader: FrameReader, tracklet: Tracklet, indices: np.ndarray, transform: ClipTransform
) -> Tensor:
    """Read and resize a clip; a frame that it repeats is decoded once."""
    unique, places = np.unique(indices, return_inverse=True)
    images = reader.read([tracklet.frames[place] for place in unique.tolist()])
    return transform([images[place] for place in places.tolist()], generator_from(0))


def _joined(rows: list[int], futures: list[Future[Tensor]]) -> FrameBatch:
    return FrameBatch(torch.stack([future.result() for future in futures]), rows)
