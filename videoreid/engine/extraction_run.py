"""The loop of an extraction: run batches through the network, write sums of clip embeddings to disk."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from videoreid.engine.batch_forward import Forward, embed_batches
from videoreid.engine.part_files import Part, PartFiles
from videoreid.engine.tracklet_batches import ClipCounts, FramePlan, read_batches
from videoreid.errors import ProtocolError
from videoreid.types import Tracklet
from videoreid.utils import get_logger

__all__ = ["extract_range", "mean_embeddings"]

_KEEP_SECONDS = 10.0  # the most work that a kill can lose


def extract_range(
    forward: Forward,
    tracklets: Sequence[Tracklet],
    plan: FramePlan,
    parts: PartFiles,
    clips: tuple[int, int],
) -> None:
    """Run a range of clips; write their sums every few seconds and at the end, also after an error.

    Args:
        forward: the network.
        tracklets: all tracklets of the extraction.
        plan: how they are read.
        parts: folder for the sums.
        clips: number of the first clip, and the number after the last clip.

    Raises:
        FrameError: a frame cannot be read.
        ProtocolError: an embedding is NaN or infinite.
    """
    first = reached = clips[0]
    sums: dict[int, Tensor] = {}
    progress = _Progress(clips[1] - clips[0])
    kept = time.monotonic()
    try:
        batches = read_batches(tracklets, plan, first=clips[0], last=clips[1])
        for batch, vectors in embed_batches(forward, batches, tracklets):
            for row, vector in zip(batch.rows, vectors, strict=True):
                sums[row] = sums[row] + vector if row in sums else vector
            reached += len(batch.rows)
            progress.add(batch.frames)
            if time.monotonic() - kept > _KEEP_SECONDS:
                parts.write(_part(first, reached, sums))
                first, sums, kept = reached, {}, time.monotonic()
    finally:  # an unreadable frame must not lose the clips before it
        if sums:
            parts.write(_part(first, reached, sums))
    progress.close()


def mean_embeddings(parts: Sequence[Part], counts: ClipCounts) -> Tensor:
    """Return the mean over the clips of each tracklet, ``(N, D)`` float32.

    Args:
        parts: of `PartFiles.read`.
        counts: of the tracklets.

    Raises:
        ProtocolError: a clip is missing in the parts.
    """
    reached = 0
    total: np.ndarray | None = None
    for part in parts:
        if part.first != reached:
            break
        total = np.zeros((len(counts.clips), part.sums.shape[1])) if total is None else total
        total[part.rows] += part.sums  # a row occurs once in a part
        reached = part.last
    if total is None or reached != counts.total:
        raise ProtocolError(
            f"clip {reached} of {counts.total} is missing in the finished parts: another process has removed "
            "them; run the same call again"
        )
    return torch.from_numpy(total / counts.clips[:, None]).float()


def _part(first: int, last: int, sums: dict[int, Tensor]) -> Part:
    rows = sorted(sums)
    return Part(first, last, np.array(rows, dtype=np.int64), torch.stack([sums[row] for row in rows]).numpy())


class _Progress:
    """Log frames and clips per second, and the remaining time, every ten seconds and at the end."""

    def __init__(self, total: int) -> None:
        self.total, self.frames, self.clips = total, 0, 0
        self.start = self.logged = time.monotonic()

    def add(self, frames: Tensor) -> None:
        self.frames, self.clips = self.frames + frames.shape[0] * frames.shape[1], self.clips + len(frames)
        now = time.monotonic()
        if now - self.logged > _KEEP_SECONDS:
            self.logged = now
            left = (now - self.start) * (self.total / self.clips - 1)
            get_logger("engine").info("%d of %d clips, %s, %.0f s left", self.clips, self.total, self, left)

    def close(self) -> None:
        get_logger("engine").info("%d clips, %s", self.total, self)

    def __str__(self) -> str:
        seconds = max(time.monotonic() - self.start, 1e-9)
        return f"{self.frames / seconds:.1f} frames/s, {self.clips / seconds:.1f} clips/s"
