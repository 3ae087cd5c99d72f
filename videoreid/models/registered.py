"""The registries of networks; the modules of the networks fill them."""

from collections.abc import Callable

from videoreid.models.base import ReIDModel
from videoreid.registry import Registry

__all__ = ["FAMILIES", "MODELS"]

MODELS: Registry[Callable[..., ReIDModel]] = Registry("model")
FAMILIES: Registry[Callable[..., ReIDModel]] = Registry("model family")
"""Families with a prefix; another library defines the names after it: "timm" in ``timm:resnet18``."""
