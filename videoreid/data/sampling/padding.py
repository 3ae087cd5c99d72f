"""How a rule fills a clip from a tracklet that is too short for it."""

import numpy as np

__all__ = ["loop_pad", "tail_pad"]


def tail_pad(length: int, total: int) -> np.ndarray:
    """Return indices ``(total,)`` int64 in order, the last frame repeated to the end."""
    return np.minimum(np.arange(total), length - 1)


def loop_pad(length: int, total: int) -> np.ndarray:
    """Return indices ``(total,)`` int64 in order, starting again from the first frame after the last."""
    return np.arange(total) % length
