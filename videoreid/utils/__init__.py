"""Small tools that every floor may use: seeds, logging, atomic files, downloads.

Two names of torchreid live on upper floors and are found only when asked for: `FeatureExtractor`, `re_ranking`.
"""

from importlib import import_module
from typing import Any

from videoreid.utils.download import cache_home, fetch, is_offline
from videoreid.utils.files import atomic_path, atomic_write_bytes, atomic_write_text, sha256_of
from videoreid.utils.log import get_logger, setup_logging
from videoreid.utils.seed import generator_from, seed_everything, seed_worker

__all__ = [
    "atomic_path",
    "atomic_write_bytes",
    "atomic_write_text",
    "cache_home",
    "fetch",
    "generator_from",
    "get_logger",
    "is_offline",
    "seed_everything",
    "seed_worker",
    "setup_logging",
    "sha256_of",
]

_UPSTAIRS = {"FeatureExtractor": "videoreid.engine.extractor", "re_ranking": "videoreid.metrics"}


def __getattr__(name: str) -> Any:
    if name not in _UPSTAIRS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_UPSTAIRS[name]), name)
