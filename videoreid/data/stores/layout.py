"""The layout of a packed store: one HDF5 file that holds the encoded frames of a dataset, and an index.

``data`` is one contiguous block of bytes: once its offset in the file is known, frames are read without HDF5.
``offsets`` (N + 1) gives the start of each frame; ``hashes`` (sorted) and ``rows`` find a frame by its entry name.
``crc32`` is the checksum of each frame, ``block_ends`` and ``block_sha256`` those of blocks; ``splits/<name>`` holds
the tracklets. A seal at the end of the file (`videoreid.utils.sealing`) covers everything but ``data``.
"""

import functools
import hashlib
import os
from pathlib import Path

import numpy as np

__all__ = ["FORMAT", "VERSION", "hash_entries", "hash_entry", "journal_path", "lock_path", "spool_path"]

FORMAT = "videoreid-store"
VERSION = 2


def spool_path(store: str | os.PathLike[str]) -> Path:
    """Return the file that collects the frames while a store is being written."""
    store = Path(store)
    return store.with_name(f"{store.name}.partial")


def journal_path(store: str | os.PathLike[str]) -> Path:
    """Return the file that lists the complete blocks of the spool."""
    store = Path(store)
    return store.with_name(f"{store.name}.journal")


def lock_path(store: str | os.PathLike[str]) -> Path:
    """Return the lock file that lets one process at a time write a store."""
    store = Path(store)
    return store.with_name(f"{store.name}.lock")


@functools.lru_cache(maxsize=4096)  # a clip's entries are looked up twice: by the prefetch and by the read
def hash_entry(entry: str) -> int:
    """Return the 64-bit hash of an entry name."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(entry), digest_size=8).digest(), "little")


def hash_entries(entries: list[str]) -> np.ndarray:
    """Return ``(N,)`` uint64 hashes."""
    return np.fromiter((hash_entry(entry) for entry in entries), dtype=np.uint64, count=len(entries))
