"""Rank and number of the processes that train together."""

from torch import distributed as dist

__all__ = ["process_count", "process_rank"]


def process_count() -> int:
    """Return the number of processes that train together; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_rank() -> int:
    """Return the number of this process; 0 without a process group."""
    return dist.get_rank() if process_count() > 1 else 0
