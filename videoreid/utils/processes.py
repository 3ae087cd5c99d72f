"""Rank and number of processes, and exchange of objects between them."""

from typing import Any

from torch import distributed as dist

__all__ = ["gather_objects", "process_count", "process_rank"]


def process_count() -> int:
    """Return the number of processes that train together; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_rank() -> int:
    """Return the number of this process; 0 without a process group."""
    return dist.get_rank() if process_count() > 1 else 0


def gather_objects(value: Any) -> list[Any]:
    """Return the values of all processes, in the order of the processes."""
    if process_count() == 1:
        return [value]
    values: list[Any] = [None] * process_count()
    dist.all_gather_object(values, value)
    return values
