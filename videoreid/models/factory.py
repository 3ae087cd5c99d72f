"""The front door of the zoo: look a name up, build it, and fill it with published weights on request."""

import fnmatch
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.models.loading import load_weights
from videoreid.models.weights import resolve_weights
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
    """Build a network by name, and fill it with published weights on request.

    The arguments are kept on the network, for `save_pretrained`.

    Args:
        name: see `list_models`; or ``timm:`` and the name of a timm network.
        num_classes: number of training identities K.
        pretrained: True for ImageNet weights, a tag of `list_weights` ("msmt17"), an address (``https://...``,
            ``hf:org/repo/file``, ``gdrive:ID``), or a checkpoint file.
        **kwargs: options of that network (``temporal="attention"``).

    Raises:
        UnknownNameError: no such network; the message suggests the nearest name.
        ConfigError: no such option, or one that makes no sense.
        WeightsError: no such weights (the message says which exist), or they cannot be read or do not fit.
    """
    if num_classes < 1:
        raise ConfigError(f"num_classes must be 1 or more, got {num_classes}")
    arguments = {"name": name, "num_classes": num_classes, **kwargs}
    family, _, member = name.partition(":")
    build = functools.partial(FAMILIES[family], member) if member else MODELS[name]
    if member and pretrained is True:  # the other library has its own table of weights
        model = _call(build, name, num_classes=num_classes, pretrained=True, **kwargs)
    else:
        model = _call(build, name, num_classes=num_classes, **kwargs)
        if pretrained:
            load_weights(model, resolve_weights(name, pretrained, backbone=kwargs.get("backbone")))
    model.build_arguments = arguments
    return model


def _call(build: Callable[..., ReIDModel], name: str, **options: Any) -> ReIDModel:
    try:
        return build(**options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ConfigError(
            f"{name} has no such option: {error}; help(build_model({name!r})) lists them"
        ) from error
