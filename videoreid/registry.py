"""A registry of named objects: a duplicate name raises an error, a misspelt one gets a suggestion."""

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from videoreid.errors import ConfigError, UnknownNameError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """A mapping of names to objects: factories, rules, records.

    Args:
        kind: what is registered, in the singular ("model", "dataset"); used in messages.

    Example:
        >>> models = Registry("model")
        >>> @models.register("tiny")
        ... def tiny():
        ...     return 1
        >>> models["tiny"]()
        1
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str, *aliases: str) -> Callable[[T], T]:
        """Return a decorator that registers its target under ``name`` (and ``aliases``).

        Raises:
            ConfigError: the name is taken.
        """

        def decorate(target: T) -> T:
            for key in (name, *aliases):
                if key in self._entries:
                    raise ConfigError(f"{self.kind} {key!r} is registered already, by {self._entries[key]!r}")
                self._entries[key] = target
            return target

        return decorate

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(self._unknown(name)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._entries)

    def names(self) -> list[str]:
        """Return every registered name, sorted."""
        return sorted(self._entries)

    def _unknown(self, name: str) -> str:
        close = difflib.get_close_matches(str(name), self._entries, n=3, cutoff=0.6)
        hint = (
            f"did you mean {' or '.join(map(repr, close))}?" if close else f"known: {', '.join(self.names())}"
        )
        return f"unknown {self.kind} {name!r}; {hint}"
