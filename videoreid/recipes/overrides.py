"""Change settings of a recipe by name, as ``--set key=value`` does, and list all settings."""

import ast
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from videoreid.errors import ConfigError
from videoreid.recipes.record import Recipe

__all__ = ["override", "parse_settings", "settings_of"]

_DESCRIPTIVE = ("name", "title", "source", "model", "differs", "variants", "results")
_KEYS = tuple(field.name for field in fields(Recipe) if field.name not in (*_DESCRIPTIVE, "model_options"))


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Return ``key=value`` texts as a mapping; a value that is a Python literal is read as one, else as text.

    Raises:
        ConfigError: a text without ``=``.
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {pair!r} is not key=value, such as epochs=2")
        try:
            settings[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            settings[key] = value  # plain text
    return settings


def override(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """Return a recipe with changed settings.

    Args:
        recipe: as published.
        settings: new values by field of `Recipe`; the key ``model.NAME`` sets an option of the network.

    Raises:
        ConfigError: a recipe has no such setting, or the setting does not accept the value.

    Example:
        >>> from videoreid.recipes import get_recipe
        >>> override(get_recipe("psta"), {"epochs": 2, "model.backbone": "resnet18"}).epochs
        2
    """
    hints = get_type_hints(Recipe)
    changed: dict[str, Any] = {}
    options = dict(recipe.model_options)
    for key, value in settings.items():
        if key.startswith("model."):
            options[key.removeprefix("model.")] = value
            continue
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, n=3)
            hint = (
                f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(_KEYS)}, model.NAME"
            )
            raise ConfigError(f"a recipe has no setting {key!r}; {hint}")
        if isinstance(value, list):
            value = tuple(value)
        if hints[key] is float and type(value) is int:
            value = float(value)
        if not _fits(value, hints[key]):
            raise ConfigError(f"{key} takes {_words(hints[key])}, got {value!r}")
        changed[key] = value
    return replace(recipe, model_options=options, **changed)


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """Return name, network and every setting of a recipe as values that JSON can hold."""
    values = {key: getattr(recipe, key) for key in _KEYS}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    return {"name": recipe.name, "model": recipe.model, "model_options": dict(recipe.model_options), **plain}


def _fits(value: Any, hint: Any) -> bool:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(part, get_args(hint)[0]) for part in value)
    if hint is float:
        return type(value) in (int, float)
    return type(value) is hint


def _words(hint: Any) -> str:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return " or ".join(_words(part) for part in get_args(hint))
    if origin is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if origin is tuple:
        return f"a tuple of {_words(get_args(hint)[0])}"
    return {int: "an integer", float: "a number", str: "a word", bool: "True or False", NoneType: "None"}[
        hint
    ]
