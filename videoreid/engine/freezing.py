"""Train some layers alone for a while, then open the others; what the user froze stays frozen."""

from collections.abc import Iterator, Sequence

from torch import nn
from torch.nn import Parameter

from videoreid.errors import ConfigError

__all__ = ["open_all_layers", "open_specified_layers"]

_CLOSED = "closed_for_a_while"  # on a parameter that `open_specified_layers` closed, as opposed to the user


def open_all_layers(model: nn.Module) -> None:
    """Let every layer train again that `open_specified_layers` closed, in train mode.

    Parameters that are fixed by design or by the user (`ReIDModel.freeze`, ``requires_grad = False``) stay fixed, and
    frozen sub-modules stay in eval mode.
    """
    model.train()
    _close_again(model)
    frozen = {id(parameter) for module in _frozen_modules(model) for parameter in module.parameters()}
    for parameter in model.parameters():
        if id(parameter) not in frozen:
            _open(parameter)


def open_specified_layers(model: nn.Module, open_layers: str | Sequence[str]) -> None:
    """Train the named direct children only; all others get no gradient and are in eval mode.

    What the user has frozen stays frozen, in the named children too.

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
    frozen = {id(parameter) for module in _frozen_modules(model) for parameter in module.parameters()}
    for name, child in children.items():
        child.train(name in names)
        for parameter in child.parameters():
            if name not in names:
                _close(parameter)
            elif id(parameter) not in frozen:
                _open(parameter)
    for parameter in model.parameters(recurse=False):
        _close(parameter)
    _close_again(model)


def _frozen_modules(model: nn.Module) -> Iterator[nn.Module]:
    """Yield what `ReIDModel.freeze` froze, in this network and in networks inside it."""
    for module in model.modules():
        for name in getattr(module, "_frozen", ()):
            yield module.get_submodule(name)


def _close_again(model: nn.Module) -> None:
    """Put frozen sub-modules back in eval mode after a parent was put in train mode."""
    for module in list(_frozen_modules(model)):
        module.eval()


def _close(parameter: Parameter) -> None:
    if parameter.requires_grad:
        parameter.requires_grad = False
        setattr(parameter, _CLOSED, True)


def _open(parameter: Parameter) -> None:
    if hasattr(parameter, _CLOSED):
        delattr(parameter, _CLOSED)
        parameter.requires_grad = True
