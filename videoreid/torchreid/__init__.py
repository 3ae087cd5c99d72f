"""Run scripts written for torchreid: ``from videoreid import torchreid``.

This package translates names, arguments and defaults of torchreid (Zhou and Xiang, arXiv 1910.10093); no other package
of the library uses them. The page "Coming from torchreid" (docs/migrating.md) lists what differs on purpose.
"""

import importlib
from types import ModuleType

from videoreid._version import __version__

_ROOMS = ("data", "engine", "losses", "metrics", "models", "optim", "utils")

__all__ = [
    "__version__",
]


def __getattr__(name: str) -> ModuleType:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
