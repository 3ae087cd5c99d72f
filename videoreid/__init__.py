"""videoreid: person re-identification in video.

The rooms (`videoreid.data`, `videoreid.models`, ...) are imported when they are first named, so that
``import videoreid`` costs little more than PyTorch itself and a script pays only for what it uses.
"""

import importlib
from types import ModuleType

from videoreid._version import __version__

_ROOMS = (
    "compat",
    "data",
    "engine",
    "errors",
    "footage",
    "functional",
    "losses",
    "metrics",
    "models",
    "optim",
    "registry",
    "retrieval",
    "types",
    "utils",
    "visual",
)

__all__ = [
    "__version__",
]


def __getattr__(name: str) -> ModuleType:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
