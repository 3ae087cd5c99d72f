"""Build networks by name, optionally with published weights."""

import fnmatch
import functools
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.models.loading import load_weights
from videoreid.models.normalisation import find_normalisation
from videoreid.models.registered import FAMILIES, MODELS
from videoreid.models.weights import PublishedWeights, published_row, resolve_weights

__all__ = ["FAMILIES", "MODELS", "build_model", "list_models"]


def list_models(pattern: str = "*") -> list[str]:
    """Return the sorted names that match a shell pattern ("osnet*")."""
    return [name for name in MODELS.names() if fnmatch.fnmatch(name, pattern)]


def build_model(
    name: str,
    num_classes: int = 1,
    pretrained: bool | str | Path = False,  # noqa: FBT001, FBT002 - as in torchreid and timm
    **kwargs: Any,
) -> ReIDModel:
    """Build a network by name, optionally with published weights.

    The arguments are stored in ``build_arguments`` of the network, for `save_pretrained`.

    Args:
        name: see `list_models`; or ``timm:`` and the name of a timm network.
        num_classes: number of training identities K.
        pretrained: True for ImageNet weights (CLIP's for CLIP networks), a tag of `list_weights` ("msmt17"), an address
            (``https://...``, ``hf:org/repo/file``, ``gdrive:ID``), or a checkpoint file. A row of `list_weights` also
            sets the pixel normalisation, unless ``normalisation`` is given.
        **kwargs: options of the network (``temporal="attention"``).

    Raises:
        UnknownNameError: unknown network; the message suggests the nearest name.
        ConfigError: an unknown option, or an invalid value.
        WeightsError: unknown weights (the message lists the known ones), or weights that cannot be read or do not fit.
    """
    if num_classes < 1:
        raise ConfigError(f"num_classes must be 1 or more, got {num_classes}")
    given = set(kwargs)
    row = published_row(name, pretrained)
    if row is not None:
        kwargs = {**row.options, **kwargs}
    arguments = {"name": name, "num_classes": num_classes, **kwargs}
    family, _, member = name.partition(":")
    build = functools.partial(FAMILIES[family], member) if member else MODELS[name]
    if member and pretrained is True:  # the other library has its own table of weights
        model = _call(build, name, num_classes=num_classes, pretrained=True, **kwargs)
    else:
        model = _call(build, name, num_classes=num_classes, **kwargs)
        if pretrained:
            load_weights(model, resolve_weights(name, pretrained, backbone=kwargs.get("backbone")))
            _take_input_rules(model, row, given)
    model.build_arguments = arguments
    return model


def _take_input_rules(model: ReIDModel, row: PublishedWeights | None, given: Collection[str]) -> None:
    """Set the pixel normalisation and the clip rule of the weights, unless the caller gave a normalisation."""
    if row is None:
        return
    if "normalisation" not in given:
        model.pixel_mean, model.pixel_std = find_normalisation(row.normalisation)
    model.clip_rule = row.clip


def _call(build: Callable[..., ReIDModel], name: str, **options: Any) -> ReIDModel:
    try:
        return build(**options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ConfigError(
            f"{name} has no such option: {error}; help(build_model({name!r})) lists them"
        ) from error
