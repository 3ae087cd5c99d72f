"""Parameter groups: learning rates by layer or by factor, and no weight decay on norms and biases."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.nn import Parameter

from videoreid.errors import ConfigError
from videoreid.utils.wrappers import unwrap_model

__all__ = ["split_by_factor", "split_by_layer", "without_decay_on_norms"]


def split_by_layer(
    model: nn.Module, new_layers: Sequence[str], *, lr: float, base_lr: float
) -> list[dict[str, Any]]:
    """Return two groups: pre-trained layers with rate ``base_lr`` and new layers with rate ``lr``.

    Args:
        model: the network, or a wrapper around it.
        new_layers: names of direct children of the network.
        lr: rate of the new layers.
        base_lr: rate of all other layers.

    Raises:
        ConfigError: no name, or a name that is not a child of the model.
    """
    inner = unwrap_model(model)
    children = dict(inner.named_children())
    unknown = [name for name in new_layers if name not in children]
    if unknown or not new_layers:
        raise ConfigError(
            f"staged_lr needs new_layers among the children of {type(inner).__name__} ({', '.join(children)}), "
            f"got {', '.join(unknown) or 'none'}"
        )
    new = {id(p) for name in new_layers for p in children[name].parameters()}
    every = list(inner.parameters())
    return [
        {"params": [p for p in every if id(p) not in new], "lr": base_lr},
        {"params": [p for p in every if id(p) in new], "lr": lr},
    ]


def split_by_factor(
    groups: Sequence[dict[str, Any]], factors: Mapping[Parameter, float], *, lr: float
) -> list[dict[str, Any]]:
    """Split each group by the factors of its parameters and multiply the rates by them.

    Args:
        groups: parameter groups.
        factors: parameter to factor; parameters without an entry have factor 1.
        lr: rate of groups without an entry "lr".
    """
    split = []
    for group in groups:
        alike: dict[float, list[Parameter]] = {}
        for parameter in group["params"]:
            alike.setdefault(factors.get(parameter, 1.0), []).append(parameter)
        split += [
            {**group, "params": parameters, "lr": group.get("lr", lr) * factor}
            for factor, parameters in alike.items()
        ]
    return split


def without_decay_on_norms(groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Split each group in two: parameters of two or more axes, and all others with weight decay 0."""
    split = []
    for group in groups:
        matrices = [p for p in group["params"] if p.ndim > 1]
        vectors = [p for p in group["params"] if p.ndim <= 1]
        split += [{**group, "params": matrices}] if matrices else []
        split += [{**group, "params": vectors, "weight_decay": 0.0}] if vectors else []
    return split
