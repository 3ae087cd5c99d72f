"""Reading a packed store, from any number of processes and threads."""

import functools
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from videoreid.data.keys import packed_key
from videoreid.data.stores.layout import FORMAT, VERSION, hash_entry, index_checksum, journal_path
from videoreid.errors import DatasetError, FrameError
from videoreid.types import Splits, Tracklet

__all__ = ["PackedStore", "open_store", "packed_splits", "read_packed"]


class PackedStore:
    """An open packed store.

    The index is read once; frames are then read by position from a plain file descriptor, which forked workers may
    share, because a positional read moves no common offset.

    Args:
        path: the ``.h5`` file.

    Raises:
        DatasetError: no such store, one that is half-written, truncated, or of another format.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with _open_hdf5(self.path) as file:
            self._offsets: np.ndarray = file["offsets"][:]
            self._hashes: np.ndarray = file["hashes"][:]
            self._rows: np.ndarray = file["rows"][:]
            self.block_ends: np.ndarray = file["block_ends"][:]
            self.block_sha256: list[str] = [value.decode() for value in file["block_sha256"][:]]
            self.checksum = str(file.attrs["checksum"])
            start = file["data"].id.get_offset()
        self._start = int(start or 0)
        if self.path.stat().st_size < self._start + int(self._offsets[-1]):
            raise DatasetError(f"{self.path} is truncated; pack the dataset again")
        self._lock = threading.Lock()
        self._file = self.path.open("rb", buffering=0)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __contains__(self, entry: str) -> bool:
        return self._find(entry) is not None

    def read(self, entry: str) -> np.ndarray:
        """Return the encoded bytes of a frame, ``(n,)`` uint8, read-only.

        Raises:
            FrameError: the store has no such entry.
        """
        row = self._find(entry)
        if row is None:
            raise FrameError(f"{self.path} has no entry {entry!r}; it holds {len(self)} frames")
        return self.read_row(row)

    def prefetch(self, entries: Sequence[str]) -> None:
        """Ask the system to fetch frames together, so that a cold disk serves a clip at once, not frame by frame.

        Names that are not in the store are passed over, and so is the whole call where the system has no such hint.
        """
        if not hasattr(os, "posix_fadvise"):
            return
        for entry in entries:
            row = self._find(entry)
            if row is not None:
                begin, end = int(self._offsets[row]), int(self._offsets[row + 1])
                os.posix_fadvise(
                    self._file.fileno(), self._start + begin, end - begin, os.POSIX_FADV_WILLNEED
                )

    def read_row(self, row: int) -> np.ndarray:
        """Return the encoded bytes of frame number ``row``, in the order of packing."""
        begin, end = int(self._offsets[row]), int(self._offsets[row + 1])
        return np.frombuffer(self._read_at(begin, end - begin), dtype=np.uint8)

    def read_block(self, block: int) -> bytes:
        """Return the bytes that checksum number ``block`` covers."""
        begin = int(self._offsets[self.block_ends[block - 1]]) if block else 0
        return self._read_at(begin, int(self._offsets[self.block_ends[block]]) - begin)

    def index_is_sound(self) -> bool:
        """Return whether the index is the one that was written."""
        blocks = np.frombuffer("".join(self.block_sha256).encode(), np.uint8)
        return index_checksum(self._offsets, self._hashes, self._rows, blocks) == self.checksum

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _find(self, entry: str) -> int | None:
        value = np.uint64(hash_entry(entry))
        place = int(np.searchsorted(self._hashes, value))
        if place < len(self._hashes) and self._hashes[place] == value:
            return int(self._rows[place])
        return None

    def _read_at(self, begin: int, count: int) -> bytes:
        if hasattr(os, "pread"):
            data = os.pread(self._file.fileno(), count, self._start + begin)
        else:  # Windows has no positional read, and no fork either
            with self._lock:
                self._file.seek(self._start + begin)
                data = self._file.read(count)
        if len(data) < count:
            raise FrameError(f"{self.path} ends within a frame; it was truncated while open")
        return data


def open_store(path: str | os.PathLike[str]) -> PackedStore:
    """Return the store at ``path``, opened once a process and kept open (the last eight)."""
    name = os.fspath(path)
    # a relative path may mean another file after a change of folder; links need no resolving
    return _cached_store(name if os.path.isabs(name) else os.path.abspath(name))  # noqa: PTH100, PTH117


def read_packed(path: str, entry: str) -> np.ndarray:
    """Return the encoded bytes of an entry of a store, ``(n,)`` uint8.

    Raises:
        DatasetError: the store cannot be opened.
        FrameError: it has no such entry.
    """
    return open_store(path).read(entry)


def packed_splits(path: str | os.PathLike[str]) -> Splits:
    """Return the dataset that was packed; its frames are keys of the store.

    Raises:
        DatasetError: the store cannot be opened.
    """
    path = Path(path)
    with _open_hdf5(path) as file:
        names = [packed_key(path, entry.decode()) for entry in file["names"][:]]
        parts = {
            part: tuple(_read_tracklets(file["splits"][part], names))
            for part in ("train", "query", "gallery")
        }
        attributes = {key: str(file["splits"].attrs[key]) for key in ("name", "protocol", "licence")}
    return Splits(attributes["name"], **parts, protocol=attributes["protocol"], licence=attributes["licence"])


@functools.lru_cache(maxsize=8)
def _cached_store(path: str) -> PackedStore:
    return PackedStore(path)


def _read_tracklets(group: Any, names: list[str]) -> list[Tracklet]:
    rows, lengths = group["rows"][:].tolist(), group["lengths"][:]
    ends = np.cumsum(lengths)
    columns = (group[key][:].tolist() for key in ("pids", "camids", "times", "end_times"))
    return [
        Tracklet(tuple(names[row] for row in rows[end - length : end]), pid, camid, time, end_time)
        for end, length, pid, camid, time, end_time in zip(
            ends.tolist(), lengths.tolist(), *columns, strict=True
        )
    ]


def _open_hdf5(path: Path) -> Any:
    import h5py

    if not path.is_file():
        if journal_path(path).is_file():
            raise DatasetError(
                f"{path} is half-written: pack the same dataset again, and it goes on where it stopped"
            )
        raise DatasetError(f"no packed store {path}: write one with 'videoreid data pack'")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DatasetError(f"{path} is damaged, or no HDF5 file: {error}; pack the dataset again") from error
    if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
        found = f"format {file.attrs.get('format')!r}, version {file.attrs.get('version')!r}"
        file.close()
        raise DatasetError(
            f"{path} is no packed store of this version ({FORMAT!r}, {VERSION}); found {found}"
        )
    return file
