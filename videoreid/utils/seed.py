"""Seed the random generators."""

import random

import numpy as np
import torch

__all__ = ["generator_from", "seed_everything", "seed_worker"]


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's legacy generator and PyTorch on every device, for initial weights and other libraries."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - foreign code still draws from the legacy generator
    torch.manual_seed(seed)


def generator_from(seed: int, *stream: int) -> np.random.Generator:
    """Return an independent generator for ``(seed, *stream)``.

    A stream such as (epoch, index) identifies a draw, so the numbers do not depend on the worker that draws them.
    Negative parts are allowed.
    """
    return np.random.default_rng([part % 2**63 for part in (seed, *stream)])


def seed_worker(worker_id: int) -> None:
    """Seed a `DataLoader` worker's global generators from its own torch seed (pass as ``worker_init_fn``)."""
    del worker_id  # torch.initial_seed() differs by worker already
    seed = torch.initial_seed()
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the same reason as above
