"""Layers that the user put in eval mode by hand, and that training must not wake."""

from collections.abc import Sequence

from torch import nn

__all__ = ["hold_in_eval", "layers_held_in_eval"]


def layers_held_in_eval(model: nn.Module) -> list[nn.Module]:
    """Return the sub-modules in eval mode none of whose parameters trains; none in a network that is all in eval mode.

    `nn.Module.train` would wake them, and their batch norms would move the statistics of fixed weights.
    """
    if not model.training:
        return []
    return [module for module in model.modules() if not module.training and _is_fixed(module)]


def hold_in_eval(modules: Sequence[nn.Module]) -> None:
    """Put modules back in eval mode, except those that have been opened in the meantime."""
    for module in modules:
        if _is_fixed(module):
            module.eval()


def _is_fixed(module: nn.Module) -> bool:
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
