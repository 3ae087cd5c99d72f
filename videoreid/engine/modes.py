"""Eval mode that is guaranteed inside a block and undone after it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluating"]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """Put every sub-module in eval mode; restore the mode each one had, also after an error.

    Restoring one flag for the whole model would wake the layers that were frozen in eval mode.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for module, mode in modes:
            module.training = mode
