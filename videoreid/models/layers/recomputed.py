"""Run a block without keeping its activations: they are computed again in the backward pass."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

__all__ = ["recomputed"]


def recomputed(block: nn.Module, maps: Tensor) -> Tensor:
    """Return ``block(maps)``, its activations thrown away until the backward pass asks for them.

    The second run leaves the running statistics of batch normalisations alone, which would otherwise take every
    batch twice. Where no gradient is asked for, the block simply runs.

    Args:
        block: any module of one tensor.
        maps: its input ``(B, ...)``.
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
