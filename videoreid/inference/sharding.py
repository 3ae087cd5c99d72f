"""Distribution of an evaluation loader over processes, and gathering of the results."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from videoreid.types import Clip
from videoreid.utils.processes import gather_objects, process_count, process_rank

__all__ = ["gather_rows", "shard_loader"]


def shard_loader(loader: Iterable[Clip]) -> Iterable[Clip]:
    """Return this process's share of an evaluation loader; no batch is repeated to make the shares equal.

    An iterable that is not a `DataLoader` is read completely by every process, which keeps only its share.
    """
    count, rank = process_count(), process_rank()
    if count == 1:
        return loader
    if not isinstance(loader, DataLoader):
        return (clip for number, clip in enumerate(loader) if number % count == rank)
    from accelerate.data_loader import prepare_data_loader

    shared: Iterable[Clip] = prepare_data_loader(
        loader, num_processes=count, process_index=rank, even_batches=False, put_on_device=False
    )
    return shared


def gather_rows(rows: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Concatenate ``(index, embedding, pid, camid, time)`` batches of every process, sorted by index.

    The sort is stable, so the clips of one tracklet keep the order in which its batches were read.
    """
    columns = [torch.cat(column) for column in zip(*rows, strict=True)] if rows else []
    if process_count() > 1:
        parts = [part for part in gather_objects(columns) if part]
        columns = [torch.cat(column) for column in zip(*parts, strict=True)]
    if not columns:
        return tuple(torch.empty(0) for _ in range(5))
    order = torch.argsort(columns[0], stable=True)
    return tuple(column[order] for column in columns)
