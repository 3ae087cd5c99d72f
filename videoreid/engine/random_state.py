"""Get and set the state of the global random generators, as plain numbers that a checkpoint can hold."""

import random
from typing import Any

import numpy as np
import torch

__all__ = ["get_random_state", "set_random_state"]


def get_random_state() -> dict[str, Any]:
    """Return the state of Python's, NumPy's legacy and torch's generators (CPU and current CUDA device)."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002 - foreign code draws here
    version, numbers, gauss_next = random.getstate()
    return {
        "python": [version, list(numbers), gauss_next],
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, gauss],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Restore the state that `get_random_state` returned."""
    version, numbers, gauss_next = state["python"]
    random.setstate((version, tuple(numbers), gauss_next))
    name, keys, position, has_gauss, gauss = state["numpy"]
    legacy = (name, keys.numpy().astype(np.uint32), position, has_gauss, gauss)
    np.random.set_state(legacy)  # noqa: NPY002 - the same
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
