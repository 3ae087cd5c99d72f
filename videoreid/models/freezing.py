"""Freeze layers until they are unfrozen, or close them for some epochs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import nn

from videoreid.errors import ConfigError
from videoreid.utils.wrappers import unwrap_model

__all__ = [
    "freeze_layers",
    "frozen_layers",
    "open_all_layers",
    "open_specified_layers",
    "train_mode",
    "unfreeze_layers",
]


@dataclass
class _Memory:
    """The freezing state of a network, by names, so that a copy of the network has the same state.

    Args:
        frozen: modules that `freeze_layers` froze.
        resting: parameters that `open_specified_layers` closed and `open_all_layers` will open.
        kept: modules that were already frozen, by any means, when no layer was closed.
    """

    frozen: set[str] = field(default_factory=set)
    resting: set[str] = field(default_factory=set)
    kept: tuple[str, ...] | None = None


def freeze_layers(model: nn.Module, names: Sequence[str]) -> None:
    """Stop the gradients of the named sub-modules and keep them in eval mode until they are unfrozen.

    Args:
        model: the network, or a wrapper around it.
        names: names of sub-modules; nested ones as ``"trunk.1"``.

    Raises:
        ConfigError: a name is not a sub-module.
    """
    _set_trainable(unwrap_model(model), names, trainable=False)


def unfreeze_layers(model: nn.Module, names: Sequence[str] | None = None) -> None:
    """Train the named sub-modules again; by default all of them.

    Parameters that are fixed by design (the bias of a BN neck) stay fixed.

    Args:
        model: the network, or a wrapper around it.
        names: names of sub-modules; None for all.

    Raises:
        ConfigError: a name is not a sub-module.
    """
    inner = unwrap_model(model)
    _set_trainable(
        inner, [name for name, _ in inner.named_children()] if names is None else names, trainable=True
    )


def frozen_layers(model: nn.Module) -> list[nn.Module]:
    """Return the sub-modules that `freeze_layers` froze."""
    inner = unwrap_model(model)
    return [inner.get_submodule(name) for name in sorted(_memory_of(inner).frozen)]


def open_specified_layers(model: nn.Module, open_layers: str | Sequence[str]) -> None:
    """Train only the named direct children; all others are closed: no gradient, eval mode.

    Layers that were frozen before stay frozen, also inside the named children.

    Args:
        model: the network, or a wrapper around it.
        open_layers: one name or several.

    Raises:
        ConfigError: a name is not a child of the model; or all named layers are frozen.
    """
    inner = unwrap_model(model)
    names = [open_layers] if isinstance(open_layers, str) else list(open_layers)
    children = dict(inner.named_children())
    unknown = [name for name in names if name not in children]
    if unknown:
        raise ConfigError(
            f"{type(inner).__name__} has no layer {', '.join(unknown)}; it has: {', '.join(children)}"
        )
    train_mode(model)
    for name, child in children.items():
        if name not in names:
            child.eval()
    resting = _memory_of(inner).resting
    for key, parameter in inner.named_parameters():
        if key.partition(".")[0] in names and key in resting:
            resting.remove(key)
            parameter.requires_grad = True
        elif key.partition(".")[0] not in names and parameter.requires_grad:
            resting.add(key)
            parameter.requires_grad = False
    named = [parameter for name in names for parameter in children[name].parameters()]
    if named and not any(parameter.requires_grad for parameter in named):
        raise ConfigError(
            f"nothing would train: all of {', '.join(names)} is frozen; unfreeze it, or open another layer"
        )


def open_all_layers(model: nn.Module) -> None:
    """Open the layers that `open_specified_layers` closed, and set train mode.

    Layers that were frozen before stay frozen: those of `ReIDModel.freeze`, and those whose parameters were set to
    ``requires_grad=False``. They also stay in eval mode if they were in eval mode.

    Args:
        model: the network, or a wrapper around it.
    """
    inner = unwrap_model(model)
    train_mode(model)
    resting = _memory_of(inner).resting
    for key, parameter in inner.named_parameters():
        if key in resting:
            parameter.requires_grad = True
    resting.clear()


def train_mode(model: nn.Module) -> None:
    """Set train mode on all layers except frozen ones, which are in eval mode without trainable parameters.

    Args:
        model: the network, or a wrapper around it.
    """
    inner = unwrap_model(model)
    memory = _memory_of(inner)
    # if the whole network is in eval mode or layers are closed, frozen layers cannot be recognised
    if memory.kept is None or (inner.training and not memory.resting):
        memory.kept = tuple(_names_in_eval_without_gradient(inner))
    model.train()
    modules = dict(inner.named_modules())
    for name in memory.kept:
        if name in modules and not any(parameter.requires_grad for parameter in modules[name].parameters()):
            modules[name].eval()


def _names_in_eval_without_gradient(model: nn.Module) -> Iterator[str]:
    fixed = _fixed_parameters(model)
    for name, module in model.named_modules():
        parameters = [parameter for parameter in module.parameters() if id(parameter) not in fixed]
        closed = bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
        if name and closed and not module.training:
            yield name


def _set_trainable(model: nn.Module, names: Sequence[str], *, trainable: bool) -> None:
    modules = dict(model.named_modules())
    memory, fixed = _memory_of(model), _fixed_parameters(model)
    for name in names:
        if name not in modules or not name:
            known = ", ".join(child for child, _ in model.named_children())
            raise ConfigError(f"{type(model).__name__} has no stage {name!r}; it has: {known}")
    for name in names:
        inside = f"{name}."
        memory.frozen = {other for other in memory.frozen if other != name and not other.startswith(inside)}
        if not trainable:
            memory.frozen.add(name)
        memory.resting = {key for key in memory.resting if not key.startswith(inside)}
        modules[name].train(trainable and model.training)
        for parameter in modules[name].parameters():
            if id(parameter) not in fixed:
                parameter.requires_grad_(trainable)


def _fixed_parameters(model: nn.Module) -> set[int]:
    """Return the ids of the parameters that are marked as fixed by design, by themselves or by their module."""
    marked = {
        id(parameter) for parameter in model.parameters() if getattr(parameter, "fixed_by_design", False)
    }
    named = {
        id(module.get_parameter(name))
        for module in model.modules()
        for name in getattr(module, "fixed_by_design", ())
    }
    return marked | named


def _memory_of(model: nn.Module) -> _Memory:
    memory: _Memory = vars(model).setdefault("_layer_memory", _Memory())
    return memory
