"""Small tools for all packages: seeds, logging, atomic files, downloads."""

from videoreid.utils.allocation import reuse_freed_memory
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
    "reuse_freed_memory",
    "seed_everything",
    "seed_worker",
    "setup_logging",
    "sha256_of",
]
