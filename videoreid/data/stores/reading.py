"""Reading a packed store, from any number of processes and threads."""

import functools
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from videoreid.data.keys import packed_key
from videoreid.data.stores.layout import FORMAT, VERSION, hash_entries, hash_entry, journal_path
from videoreid.errors import DatasetError, FrameError
from videoreid.types import Splits, Tracklet
from videoreid.utils.hdf5 import open_hdf5, read_array, read_attribute
from videoreid.utils.sealing import Seal, check_seal

__all__ = ["PackedStore", "open_store", "packed_splits", "read_packed"]


class PackedStore:
    """An open packed store.

    The index is read once; frames are then read by position from a plain file descriptor, which forked workers may
    share, because a positional read does not move the shared offset.

    Args:
        path: the ``.h5`` file.

    Raises:
        DatasetError: no such store, or one that is half-written, truncated, damaged, or of another format.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with _open_store_file(self.path) as (file, seal):
            self._offsets = read_array(file, "offsets", kinds="u", ndim=1).astype(np.int64)
            self._hashes = read_array(file, "hashes", kinds="u", ndim=1)
            self._rows = read_array(file, "rows", kinds="i", ndim=1)
            self._crc32 = read_array(file, "crc32", kinds="u", ndim=1)
            self.block_ends = read_array(file, "block_ends", kinds="i", ndim=1)
            sums = read_array(file, "block_sha256", kinds="S", ndim=1)
        self.block_sha256 = [value.decode(errors="replace") for value in sums.tolist()]
        self._start = seal.skip_begin
        self._check_index(seal.skip_end - seal.skip_begin)
        self._lock = threading.Lock()
        self._file = self.path.open("rb", buffering=0)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __contains__(self, entry: str) -> bool:
        return self._find(entry) is not None

    def read(self, entry: str, *, check: bool = True) -> np.ndarray:
        """Return the encoded bytes of a frame, ``(n,)`` uint8, read-only.

        Args:
            entry: name of the frame.
            check: compare its checksum, which takes 1 to 3 % of the decoding time.

        Raises:
            FrameError: the store has no such entry, or the frame differs from what was packed.
        """
        row = self._find(entry)
        if row is None:
            raise FrameError(f"{self.path} has no entry {entry!r}; it holds {len(self)} frames")
        data = self.read_row(row)
        if check and zlib.crc32(data.data) != self._crc32[row]:
            raise FrameError(
                f"frame {entry!r} of {self.path} is damaged: its checksum differs; pack the dataset again"
            )
        return data

    def prefetch(self, entries: Sequence[str]) -> None:
        """Ask the operating system to read frames ahead, so that a clip is read from a cold disk in one go.

        Names that are not in the store are ignored; the call does nothing on systems without read-ahead hints.
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
        """Return the encoded bytes ``(n,)`` uint8 of frame number ``row``, in the order of packing."""
        begin, end = int(self._offsets[row]), int(self._offsets[row + 1])
        return np.frombuffer(self._read_at(begin, end - begin), dtype=np.uint8)

    def read_block(self, block: int) -> bytes:
        """Return the bytes that checksum number ``block`` covers."""
        begin = int(self._offsets[self.block_ends[block - 1]]) if block else 0
        return self._read_at(begin, int(self._offsets[self.block_ends[block]]) - begin)

    def frame_ends(self, first: int, last: int) -> list[int]:
        """Return where frames ``first`` to ``last - 1`` end, counted from the beginning of the first."""
        return (self._offsets[first + 1 : last + 1] - self._offsets[first]).tolist()

    def frame_sums(self, first: int, last: int) -> list[int]:
        """Return the CRC-32 of frames ``first`` to ``last - 1``, as they were packed."""
        return self._crc32[first:last].tolist()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _check_index(self, data_size: int) -> None:
        """Refuse an index that contradicts itself although its seal is right: a crafted file."""
        count = len(self._offsets) - 1
        lengths = {len(self._hashes), len(self._rows), len(self._crc32)}
        blocks = self.block_ends
        sound = (
            count >= 0
            and lengths == {count}
            and int(self._offsets[0]) == 0
            and int(self._offsets[-1]) == data_size
            and bool((np.diff(self._offsets) >= 0).all())
            and bool((self._hashes[1:] > self._hashes[:-1]).all())
            and np.array_equal(np.sort(self._rows), np.arange(count))
            and len(self.block_sha256) == len(blocks)
            and bool((np.diff(blocks, prepend=0) > 0).all())
            and (int(blocks[-1]) if len(blocks) else 0) == count
        )
        if not sound:
            raise DatasetError(
                f"{self.path} is damaged: its index contradicts itself; pack the dataset again"
            )

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
    """Return the store at ``path``, opened once per process; the last eight stay open."""
    name = os.fspath(path)
    # a relative path may mean another file after a change of folder; links need no resolving
    return _cached_store(name if os.path.isabs(name) else os.path.abspath(name))  # noqa: PTH100, PTH117


def read_packed(path: str, entry: str, *, check: bool = True) -> np.ndarray:
    """Return the encoded bytes of an entry of a store, ``(n,)`` uint8.

    Raises:
        DatasetError: the store cannot be opened.
        FrameError: it has no such entry, or the entry is damaged; without ``check`` damage is not looked for.
    """
    return open_store(path).read(entry, check=check)


def packed_splits(path: str | os.PathLike[str]) -> Splits:
    """Return the dataset that was packed; its frames are keys of the store.

    Raises:
        DatasetError: the store cannot be opened.
    """
    path = Path(path)
    with _open_store_file(path) as (file, _):
        entries = [os.fsdecode(entry) for entry in read_array(file, "names", kinds="S", ndim=1).tolist()]
        names = [packed_key(path, entry) for entry in entries]
        hashes = read_array(file, "hashes", kinds="u", ndim=1)
        parts = {
            part: _read_tracklets(file, f"splits/{part}", names) for part in ("train", "query", "gallery")
        }
        attributes = {key: read_attribute(file["splits"], key) for key in ("name", "protocol", "licence")}
    if not np.array_equal(np.sort(hash_entries(entries)), hashes):
        raise DatasetError(f"{path} is damaged: its names are not those of its index; pack the dataset again")
    return Splits(attributes["name"], **parts, protocol=attributes["protocol"], licence=attributes["licence"])


@functools.lru_cache(maxsize=8)
def _cached_store(path: str) -> PackedStore:
    return PackedStore(path)


def _read_tracklets(file: Any, group: str, names: list[str]) -> tuple[Tracklet, ...]:
    rows, lengths, pids, camids = (
        read_array(file, f"{group}/{key}", kinds="i", ndim=1) for key in ("rows", "lengths", "pids", "camids")
    )
    times, end_times = (
        read_array(file, f"{group}/{key}", kinds="f", ndim=1) for key in ("times", "end_times")
    )
    ends = np.cumsum(lengths)
    counts = {len(column) for column in (lengths, pids, camids, times, end_times)}
    inside = not len(rows) or (rows.min() >= 0 and rows.max() < len(names))
    if len(counts) > 1 or (lengths < 1).any() or int(lengths.sum()) != len(rows) or not inside:
        raise DatasetError(
            f"{file.filename} is damaged: its tracklets contradict each other; pack the dataset again"
        )
    columns = (column.tolist() for column in (ends, lengths, pids, camids, times, end_times))
    return tuple(
        Tracklet(tuple(names[row] for row in rows[end - length : end].tolist()), pid, camid, time, end_time)
        for end, length, pid, camid, time, end_time in zip(*columns, strict=True)
    )


@contextmanager
def _open_store_file(path: Path) -> Iterator[tuple[Any, Seal]]:
    if not path.is_file():
        if journal_path(path).is_file():
            raise DatasetError(
                f"{path} is half-written: pack the same dataset again, which resumes where it stopped"
            )
        raise DatasetError(f"no packed store {path}: write one with 'videoreid data pack'")
    seal = check_seal(path, remedy="pack the dataset again")
    with open_hdf5(path, remedy="pack the dataset again") as file:
        found = (read_attribute(file, "format"), read_attribute(file, "version"))
        if found != (FORMAT, str(VERSION)):
            raise DatasetError(
                f"{path} is not a packed store of this version ({FORMAT!r}, {VERSION}); found format {found[0]!r}, "
                f"version {found[1]!r}"
            )
        yield file, seal
