"""Padding of clips from tracklets that are too short."""

import numpy as np

__all__ = ["loop_pad", "tail_pad"]


def tail_pad(length: int, total: int) -> np.ndarray:
    """Return indices ``(total,)`` int64 in order, with the last frame repeated to the end."""
    return np.minimum(np.arange(total), length - 1)


def loop_pad(length: int, total: int) -> np.ndarray:
    """Return indices ``(total,)`` int64 in order, which start again at the first frame after the last."""
    return np.arange(total) % length
