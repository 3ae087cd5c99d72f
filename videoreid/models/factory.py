"""The front door of the zoo: look a name up, build it, and fill it with published weights on request."""

import fnmatch
from collections.abc import Callable
from pathlib import Path
from typing import Any

from videoreid.errors import WeightsError
from videoreid.models.base import ReIDModel
from videoreid.models.loading import load_weights
from videoreid.registry import Registry

__all__ = ["FAMILIES", "MODELS", "build_model", "list_models"]

MODELS: Registry[Callable[..., ReIDModel]] = Registry("model")
FAMILIES: Registry[Callable[..., ReIDModel]] = Registry("model family")
"""Families addressed by prefix, whose members another library names: "timm" in ``timm:resnet18``."""


def list_models(pattern: str = "*") -> list[str]:
    """Return the names that match a shell pattern, sorted ("osnet*")."""
    return [name for name in MODELS.names() if fnmatch.fnmatch(name, pattern)]


def build_model(
    name: str,
    num_classes: int = 1,
    pretrained: bool | str | Path = False,  # noqa: FBT001, FBT002 - as in torchreid and timm
    **kwargs: Any,
) -> ReIDModel:
    """Build a network by name.

    Args:
        name: see `list_models`.
        num_classes: number of training identities K.
        pretrained: a checkpoint file to start from.
        **kwargs: options of that network (``temporal="attention"``).

    Raises:
        UnknownNameError: no such network; the message suggests the nearest name.
        WeightsError: the checkpoint cannot be read or does not fit.
    """
    model = MODELS[name](num_classes=num_classes, **kwargs)
    if pretrained is True:
        raise WeightsError(
            f"no weights are listed for {name!r}; give the path of a checkpoint as pretrained=..."
        )
    if pretrained:
        load_weights(model, pretrained)
    return model
