"""Gather the outputs of a training step from all processes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from videoreid.errors import TrainingError
from videoreid.types import Clip, ReIDOutput
from videoreid.utils.processes import process_count, process_rank

__all__ = [
    "any_process",
    "gather_batch",
    "gather_output",
]


def any_process(flag: bool) -> bool:  # noqa: FBT001 - the flag is the value
    """Return whether the flag is True on any process."""
    if process_count() == 1:
        return flag
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    raised = torch.tensor([int(flag)], device=device)
    dist.all_reduce(raised, dist.ReduceOp.MAX)
    return bool(raised)


class _AllGather(torch.autograd.Function):
    """Concatenate the rows of all processes; the backward pass sums the gradients of all processes for our rows."""

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

    Several exchanges could run in another order on another process, between those of the gradient averaging.

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
    """Return the outputs and labels of all processes as one batch, so that a loss sees all pairs.

    The returned clip has no frames; frames are not exchanged.

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
