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

__all__ = ["FrameBatch", "FramePlan", "read_batches"]


@dataclass(frozen=True)
class FramePlan:
    """Which frames are read, how they are changed and how many at once.

    Args:
        num_frames: frames of a clip T.
        sampling: a rule of `videoreid.data.sampling`.
        transform: from the frames of a clip to ``(T, 3, H, W)`` uint8.
        frame_budget: the most frames of a batch.
        threads: that decode.
    """

    num_frames: int
    sampling: str
    transform: ClipTransform
    frame_budget: int
    threads: int


class FrameBatch(NamedTuple):
    """Clips of equal length that run together.

    Args:
        frames: ``(B, T, 3, H, W)`` uint8.
        rows: for each clip, the position of its tracklet.
    """

    frames: Tensor
    rows: list[int]


def read_batches(tracklets: Sequence[Tracklet], plan: FramePlan, *, first: int = 0) -> Iterator[FrameBatch]:
    """Yield the clips of all tracklets in order; at most three batches are in memory.

    Args:
        tracklets: what to read.
        plan: how.
        first: position of the first tracklet that is read.

    Raises:
        ConfigError: a clip of more frames than the budget.
        FrameError: a frame that cannot be read.
    """
    reader = FrameReader()
    with ThreadPoolExecutor(max_workers=plan.threads) as pool:
        waiting: deque[tuple[list[int], list[Future[Tensor]]]] = deque()
        try:
            for group in _groups(tracklets, plan, first):
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


def _groups(
    tracklets: Sequence[Tracklet], plan: FramePlan, first: int
) -> Iterator[list[tuple[int, np.ndarray]]]:
    """Yield (tracklet, frame numbers) of clips of one length that fill the budget."""
    group: list[tuple[int, np.ndarray]] = []
    for row in range(first, len(tracklets)):
        length = len(tracklets[row])
        for indices in sample_indices(plan.sampling, length, plan.num_frames, generator_from(0, 0, 0, row)):
            if len(indices) > plan.frame_budget:
                raise ConfigError(
                    f"tracklet {row}: a clip of {len(indices)} frames is more than the budget of {plan.frame_budget} "
                    "frames: raise frame_budget, or take a sampling rule that cuts clips ('all_continuous')"
                )
            changes = bool(group) and len(indices) != len(group[0][1])
            if changes or (len(group) + 1) * len(indices) > plan.frame_budget:
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
