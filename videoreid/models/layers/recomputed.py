"""Gradient checkpointing of a block, without a second update of its batch-norm statistics."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

__all__ = ["recomputed"]


def recomputed(block: nn.Module, maps: Tensor) -> Tensor:
    """Return ``block(maps)`` without keeping its activations; the backward pass computes them again.

    The second run does not update the running statistics of batch normalisations, which would otherwise count every
    batch twice. With gradients disabled, the block runs once as usual.

    Args:
        block: any module with one tensor as input.
        maps: the input ``(B, ...)``.
    """
    if not torch.is_grad_enabled():
        plain: Tensor = block(maps)
        return plain
    result: Tensor = checkpoint(
        block,
        maps,
        use_reentrant=False,
        context_fn=lambda: (contextlib.nullcontext(), _without_statistics(block)),
    )
    return result


@contextlib.contextmanager
def _without_statistics(block: nn.Module) -> Iterator[None]:
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm) and module.training]
    momenta = [norm.momentum for norm in norms]
    counters = [norm.num_batches_tracked for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, momentum, counter in zip(norms, momenta, counters, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = counter
