"""Translate torchreid's keywords to those of this library."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from videoreid.errors import ConfigError
from videoreid.utils.log import get_logger

__all__ = ["torchreid_keywords"]

P = ParamSpec("P")
R = TypeVar("R")


def torchreid_keywords(**translations: str | None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that renames keywords before the call.

    Args:
        translations: torchreid's keyword to ours, or to None if it has no effect here: then it is accepted, dropped
            and logged at debug level.

    Raises:
        ConfigError: a call gives one argument under both names.

    Example:
        >>> @torchreid_keywords(num_pids="num_classes", use_gpu=None)
        ... def build(*, num_classes):
        ...     return num_classes
        >>> build(num_pids=3, use_gpu=True)
        3
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(*args, **_translate(function.__name__, kwargs, translations))

        call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]  # shown by help()
        return call

    return decorate


def _translate(name: str, keywords: dict[str, Any], translations: dict[str, str | None]) -> dict[str, Any]:
    ours = {key: value for key, value in keywords.items() if key not in translations}
    for key in keywords.keys() & translations.keys():
        target = translations[key]
        if target is None:
            get_logger("compat").debug("%s: torchreid's %s=%r has no effect", name, key, keywords[key])
        elif target in ours:
            raise ConfigError(f"{name} got {target} twice: as {target} and under torchreid's name {key}")
        else:
            ours[target] = keywords[key]
    return ours
