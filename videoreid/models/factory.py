"""The front door of the zoo: look a name up and build it."""

import fnmatch
from collections.abc import Callable
from typing import Any

from videoreid.models.base import ReIDModel
from videoreid.registry import Registry

__all__ = ["MODELS", "build_model", "list_models"]

MODELS: Registry[Callable[..., ReIDModel]] = Registry("model")


def list_models(pattern: str = "*") -> list[str]:
    """Return the names that match a shell pattern, sorted ("osnet*")."""
    return [name for name in MODELS.names() if fnmatch.fnmatch(name, pattern)]


def build_model(name: str, num_classes: int = 1, **kwargs: Any) -> ReIDModel:
    """Build a network by name.

    Args:
        name: see `list_models`.
        num_classes: number of training identities K.
        **kwargs: options of that network (``temporal="attention"``, ``pretrained=...``).

    Raises:
        UnknownNameError: no such network; the message suggests the nearest name.
    """
    return MODELS[name](num_classes=num_classes, **kwargs)
