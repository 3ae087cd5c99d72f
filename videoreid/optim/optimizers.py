"""Optimisers by name, with torchreid's keyword arguments."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import Parameter
from torch.optim import Optimizer

from videoreid.errors import ConfigError, UnknownNameError
from videoreid.optim.parameter_groups import split_by_factor, split_by_layer, without_decay_on_norms
from videoreid.optim.rate_factors import depth_factors, name_factors

__all__ = ["OPTIMIZERS", "build_optimizer"]


def _amsgrad(groups: Any, **options: Any) -> Optimizer:
    return torch.optim.Adam(groups, amsgrad=True, **options)


def _sgd(groups: Any, **options: Any) -> Optimizer:
    return torch.optim.SGD(groups, **{"momentum": 0.9, **options})


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "amsgrad": _amsgrad,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": _sgd,
}


# not sgd: torch's fused one fails on layers that get their first gradient later than others, after a freeze
_FUSED = ("adam", "adamw", "amsgrad")
_IMPLEMENTATIONS = {"fused", "foreach", "capturable", "differentiable"}


def build_optimizer(  # noqa: PLR0913 - torchreid's keywords, and those by name
    model: nn.Module | Iterable[Parameter],
    optim: str = "adam",
    lr: float = 3e-4,
    *,
    weight_decay: float = 5e-4,
    staged_lr: bool = False,
    new_layers: str | Sequence[str] = (),
    base_lr_mult: float = 0.1,
    decay_norms: bool = True,
    layer_decay: float | None = None,
    multipliers: Mapping[str, float] | None = None,
    **options: Any,
) -> Optimizer:
    """Return an optimiser over the parameters of a model.

    Frozen parameters are included, because layers may be unfrozen later; without a gradient they do not change.

    adam, adamw and amsgrad update all parameters in one fused operation if they are float32 or float64 on the CPU or
    CUDA; ``fused=False`` updates them one by one, which differs in the last digits.

    Args:
        model: the network, or an iterable of parameters.
        optim: a key of `OPTIMIZERS`.
        lr: learning rate.
        weight_decay: L2 penalty; for "adamw" decoupled weight decay.
        staged_lr: train ``new_layers`` at ``lr`` and every other layer at ``lr * base_lr_mult``.
        new_layers: names of direct children that are not pre-trained; used with ``staged_lr``.
        base_lr_mult: see ``staged_lr``.
        decay_norms: False sets the weight decay of norms and biases (parameters of one axis) to 0.
        layer_decay: ratio in (0, 1] of a layer's rate to the rate of the next layer: blocks near the input have lower
            rates, heads the full rate; see `videoreid.optim.depth_factors`.
        multipliers: regular expression to factor on the rate of the parameters whose names match
            (``{r"^classifier": 10.0, r"bias$": 2.0}``); the first expression that matches a name counts.
        options: options of the torch optimiser (``momentum``, ``nesterov``, ``betas``, ``fused``), or torchreid's
            names for them (``sgd_nesterov``, ``adam_beta1``, ...). torchreid passes the options of all optimisers;
            those of other optimisers are ignored here.

    Raises:
        UnknownNameError: no such optimiser.
        ConfigError: a new layer that the model does not have, an expression that matches no parameter, a factor out
            of range, or an option that does not exist or is out of range.
    """
    if optim not in OPTIMIZERS:
        raise UnknownNameError(f"unknown optimiser {optim!r}; choose one of {', '.join(OPTIMIZERS)}")
    stages = (new_layers, base_lr_mult) if staged_lr else None
    groups = _groups(model, lr, stages, layer_decay=layer_decay, multipliers=multipliers)
    if not decay_norms:
        groups = without_decay_on_norms(groups)
    native = _native_options(optim, options)
    if optim in _FUSED and not _IMPLEMENTATIONS & native.keys() and _can_be_fused(groups):
        native["fused"] = True
    try:
        return OPTIMIZERS[optim](groups, lr=lr, weight_decay=weight_decay, **native)
    except TypeError as error:
        raise ConfigError(f"optimiser {optim!r} does not take an option that was given: {error}") from error
    except ValueError as error:
        raise ConfigError(f"optimiser {optim!r}: {error}; give a number in its range") from error


def _groups(
    model: nn.Module | Iterable[Parameter],
    lr: float,
    stages: tuple[str | Sequence[str], float] | None,
    *,
    layer_decay: float | None,
    multipliers: Mapping[str, float] | None,
) -> list[dict[str, Any]]:
    """Return parameter groups, each with one learning rate."""
    if not isinstance(model, nn.Module):
        by_name = {"staged_lr": stages, "layer_decay": layer_decay, "multipliers": multipliers or None}
        given = " and ".join(name for name, value in by_name.items() if value is not None)
        if given:
            raise ConfigError(
                f"{given} needs the model itself, not its parameters: it selects parameters by name"
            )
        return [{"params": list(model)}]
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if stages is not None:
        names = [stages[0]] if isinstance(stages[0], str) else list(stages[0])
        groups = split_by_layer(model, names, lr=lr, base_lr=lr * stages[1])
    if layer_decay is not None:
        groups = split_by_factor(groups, depth_factors(model, layer_decay), lr=lr)
    if multipliers:
        groups = split_by_factor(groups, name_factors(model, multipliers), lr=lr)
    return groups


def _can_be_fused(groups: list[dict[str, Any]]) -> bool:
    parameters = [parameter for group in groups for parameter in group["params"]]
    return not torch.backends.mps.is_available() and all(
        parameter.device.type in ("cpu", "cuda") and parameter.dtype in (torch.float32, torch.float64)
        for parameter in parameters
    )


def _native_options(optim: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options under torch's names, without the options of other optimisers."""
    native = dict(options)
    beta1, beta2 = native.pop("adam_beta1", None), native.pop("adam_beta2", None)
    if optim in ("adam", "adamw", "amsgrad", "radam") and not (beta1 is None and beta2 is None):
        native["betas"] = (0.9 if beta1 is None else beta1, 0.999 if beta2 is None else beta2)
    for name, torch_name, takers in (
        ("sgd_dampening", "dampening", ("sgd",)),
        ("sgd_nesterov", "nesterov", ("sgd",)),
        ("rmsprop_alpha", "alpha", ("rmsprop",)),
        ("momentum", "momentum", ("sgd", "rmsprop")),
    ):
        if name in native:
            value = native.pop(name)
            if optim in takers:
                native[torch_name] = value
    return native
