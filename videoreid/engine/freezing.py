"""Freeze all but some layers for a while, then open them all."""

from collections.abc import Sequence

from torch import nn

from videoreid.errors import ConfigError

__all__ = ["open_all_layers", "open_specified_layers"]


def open_all_layers(model: nn.Module) -> None:
    """Let every layer train again, in train mode; parameters that are fixed by design stay fixed."""
    model.train()
    for parameter in model.parameters():
        parameter.requires_grad = not getattr(parameter, "fixed_by_design", False)


def open_specified_layers(model: nn.Module, open_layers: str | Sequence[str]) -> None:
    """Train the named direct children only; all others get no gradient and stand in eval mode.

    Args:
        model: the network.
        open_layers: one name or several.

    Raises:
        ConfigError: a name that is not a child of the model.
    """
    names = [open_layers] if isinstance(open_layers, str) else list(open_layers)
    children = dict(model.named_children())
    unknown = [name for name in names if name not in children]
    if unknown:
        raise ConfigError(
            f"{type(model).__name__} has no layer {', '.join(unknown)}; it has: {', '.join(children)}"
        )
    for name, child in children.items():
        child.train(name in names)
        for parameter in child.parameters():
            parameter.requires_grad = name in names and not getattr(parameter, "fixed_by_design", False)
    for parameter in model.parameters(recurse=False):
        parameter.requires_grad = False
