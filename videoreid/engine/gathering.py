"""Work that is shared between processes: who takes which batch, and how the rows come together again."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.utils.data import DataLoader

from videoreid.errors import TrainingError
from videoreid.types import Clip, ReIDOutput
from videoreid.utils.processes import process_count, process_rank

__all__ = [
    "any_process",
    "gather_batch",
    "gather_objects",
    "gather_output",
    "gather_rows",
    "shard_loader",
]


def shard_loader(loader: Iterable[Clip]) -> Iterable[Clip]:
    """Return this process's share of an evaluation loader; no batch is repeated to even out the shares.

    Anything but a `DataLoader` is taken whole and cut here, so that it is read on every process.
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


def gather_objects(value: Any) -> list[Any]:
    """Return what every process holds, in the order of the processes."""
    if process_count() == 1:
        return [value]
    values: list[Any] = [None] * process_count()
    dist.all_gather_object(values, value)
    return values


def any_process(flag: bool) -> bool:  # noqa: FBT001 - the flag is the value
    """Return whether the flag is up on any process."""
    if process_count() == 1:
        return flag
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    raised = torch.tensor([int(flag)], device=device)
    dist.all_reduce(raised, dist.ReduceOp.MAX)
    return bool(raised)


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


class _AllGather(torch.autograd.Function):
    """Concatenate the rows of all processes; backwards, sum what every process sends to ours."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(process_count())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous()
        dist.all_reduce(total)
        return total.chunk(process_count())[process_rank()]


def gather_batch(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Concatenate each tensor over the processes, differentiably, in one exchange.

    One exchange, because several could interleave with those of the gradient averaging in another order elsewhere.

    Args:
        tensors: floating, each ``(B, ...)`` with the same B on every process.

    Returns:
        The same number of tensors, each ``(processes * B, ...)``, in the order of the processes.
    """
    widths = [tensor[0].numel() for tensor in tensors]
    flat = torch.cat([tensor.flatten(1) if tensor.ndim > 1 else tensor.unsqueeze(1) for tensor in tensors], 1)
    pieces = _AllGather.apply(flat).split(widths, 1)
    return [piece.reshape(-1, *tensor.shape[1:]) for piece, tensor in zip(pieces, tensors, strict=True)]


def gather_output(output: ReIDOutput, clip: Clip) -> tuple[ReIDOutput, Clip]:
    """Return the outputs and labels of all processes as one batch, so that a loss sees every pair of it.

    The clip comes back without frames (they stay where they are).

    Raises:
        TrainingError: the processes hold batches of different sizes.
    """
    size = torch.tensor([len(clip.pid)], device=clip.pid.device)
    sizes = [torch.empty_like(size) for _ in range(process_count())]
    dist.all_gather(sizes, size)
    if len({int(value) for value in sizes}) > 1:
        raise TrainingError(
            f"gather_features needs equal batches on every process, got {[int(value) for value in sizes]} clips: "
            "drop the last, smaller batch"
        )
    heads = (output.embedding, *output.logits, *output.features, *output.extras.values())
    gathered = gather_batch(heads)
    first, second = 1 + len(output.logits), 1 + len(output.logits) + len(output.features)
    extras = dict(zip(output.extras, gathered[second:], strict=True))
    whole = ReIDOutput(gathered[0], tuple(gathered[1:first]), tuple(gathered[first:second]), extras)
    labels = []
    for values in (clip.pid, clip.camid, clip.time, clip.index):
        parts = [torch.empty_like(values) for _ in sizes]
        dist.all_gather(parts, values.contiguous())
        labels.append(torch.cat(parts))
    return whole, Clip(clip.frames[:0], *labels)
