"""Parameter groups: a smaller rate for pretrained layers, no weight decay on norms and biases."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from videoreid.errors import ConfigError
from videoreid.utils.wrappers import unwrap_model

__all__ = ["split_by_layer", "without_decay_on_norms"]


def split_by_layer(
    model: nn.Module, new_layers: Sequence[str], *, lr: float, base_lr: float
) -> list[dict[str, Any]]:
    """Return two groups: the layers that were trained before at ``base_lr``, the new ones at ``lr``.

    Args:
        model: the network.
        new_layers: names of direct children (of the network inside, if a wrapper is around it).
        lr: rate of the new layers.
        base_lr: rate of all others.

    Raises:
        ConfigError: no name, or one that is not a child of the model.
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


def without_decay_on_norms(groups: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Split each group in two: parameters of two axes or more, and the rest with weight decay 0."""
    split = []
    for group in groups:
        matrices = [p for p in group["params"] if p.ndim > 1]
        vectors = [p for p in group["params"] if p.ndim <= 1]
        split += [{**group, "params": matrices}] if matrices else []
        split += [{**group, "params": vectors, "weight_decay": 0.0}] if vectors else []
    return split
