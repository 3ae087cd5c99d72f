"""The layout of a packed store: one HDF5 file that holds the encoded frames of a dataset, and an index.

``data`` is one contiguous block of bytes, so that a reader needs its place in the file and no HDF5 at all;
``offsets`` (N + 1) says where each frame begins; ``hashes`` (sorted) and ``rows`` find a frame by its entry name.
``block_ends`` and ``block_sha256`` are the checksums; ``splits/<name>`` the tracklets.
"""

import functools
import hashlib
import os
from pathlib import Path

import numpy as np

__all__ = ["FORMAT", "VERSION", "hash_entries", "hash_entry", "index_checksum", "journal_path", "spool_path"]

FORMAT = "videoreid-store"
VERSION = 1


def spool_path(store: str | os.PathLike[str]) -> Path:
    """Return the file that collects the frames while a store is being written."""
    store = Path(store)
    return store.with_name(f"{store.name}.partial")


def journal_path(store: str | os.PathLike[str]) -> Path:
    """Return the file that says how much of the spool is whole."""
    store = Path(store)
    return store.with_name(f"{store.name}.journal")


@functools.lru_cache(maxsize=4096)  # a clip's entries are looked up twice: to be fetched, and to be read
def hash_entry(entry: str) -> int:
    """Return the 64-bit hash by which an entry is found."""
    return int.from_bytes(hashlib.blake2b(entry.encode(), digest_size=8).digest(), "little")


def hash_entries(entries: list[str]) -> np.ndarray:
    """Return ``(N,)`` uint64 hashes."""
    return np.fromiter((hash_entry(entry) for entry in entries), dtype=np.uint64, count=len(entries))


def index_checksum(offsets: np.ndarray, hashes: np.ndarray, rows: np.ndarray, blocks: np.ndarray) -> str:
    """Return one SHA-256 over the index and the checksums of all blocks."""
    digest = hashlib.sha256()
    for part in (offsets, hashes, rows, blocks):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
