"""Packing of a dataset: collect the frames in a spool, assemble one HDF5 file, and read the file back."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from videoreid.data.decoding import read_bytes
from videoreid.data.frames import FrameReader
from videoreid.data.keys import packed_key, parse_key
from videoreid.data.packing.encoding import Encoding, encode_frame
from videoreid.data.packing.spool import Spool
from videoreid.data.packing.verifying import verify_store
from videoreid.data.stores.layout import FORMAT, VERSION, hash_entries, journal_path, lock_path, spool_path
from videoreid.data.stores.reading import open_store, packed_splits, read_packed
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Splits, Tracklet
from videoreid.utils.files import disk_errors, require_room
from videoreid.utils.locks import LockedError, only_one
from videoreid.utils.sealing import seal_file

__all__ = ["entry_names", "pack_splits", "use_store"]

_BLOCK = 2048  # frames per block: a killed process loses at most this many
_THREADS = 4
_PARTS = ("train", "query", "gallery")


def pack_splits(
    splits: Splits,
    store: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    encoding: Encoding | None = None,
    progress: bool = False,
) -> Splits:
    """Write a dataset into one HDF5 file and read it back.

    An interrupted run leaves ``<store>.partial`` and ``<store>.journal``; the same call resumes there and packs damaged
    frames again. One process at a time can write a store. The store appears only after every frame was read back and
    its checksum compared. Packing needs disk space for the frames twice.

    Args:
        splits: the dataset; a frame that several tracklets share is stored once.
        store: the ``.h5`` file to write.
        root: folder that entry names are relative to; None is the deepest common folder.
        encoding: how frames are re-encoded; None copies files as they are, and frames of a video as PNG.
        progress: show a progress bar.

    Returns:
        The dataset, with keys of the store as frames.

    Raises:
        ConfigError: ``store`` does not end in .h5, or exists.
        FrameError: a frame cannot be read.
        DatasetError: there is a half-written store of another dataset, another process is packing, or reading back
            fails.
    """
    store = Path(store)
    if store.suffix not in (".h5", ".hdf5"):
        raise ConfigError(f"a store ends in .h5 (or .hdf5), {store} does not")
    if store.exists():
        _remove_leftovers(store)
        raise ConfigError(f"{store} exists: delete it, or choose another name")
    keys = list(dict.fromkeys(key for part in _PARTS for t in getattr(splits, part) for key in t.frames))
    if not keys:
        raise ConfigError("nothing to pack: the dataset has no frame")
    entries = entry_names(keys, root)
    with disk_errors(store):
        store.parent.mkdir(parents=True, exist_ok=True)
    try:
        with only_one(lock_path(store), what=f"packing {store}", wait=False):
            if store.exists():  # another process was faster
                raise ConfigError(f"{store} exists: delete it, or choose another name")
            _write(splits, store, keys, entries, encoding, progress=progress)
    except LockedError as error:
        raise DatasetError(f"{error}: let it finish, or stop it; then pack again") from None
    return packed_splits(store)


def _remove_leftovers(store: Path) -> None:
    """Delete the half-written files beside a finished store: its process was killed after it had renamed the store."""
    with suppress(LockedError), only_one(lock_path(store), what=f"packing {store}", wait=False):
        for path in (spool_path(store), journal_path(store), store.with_name(f"{store.name}.assembling")):
            path.unlink(missing_ok=True)


def _write(
    splits: Splits,
    store: Path,
    keys: Sequence[str],
    entries: list[str],
    encoding: Encoding | None,
    *,
    progress: bool,
) -> None:
    temporary = store.with_name(f"{store.name}.assembling")
    temporary.unlink(missing_ok=True)  # of a process that was killed
    with disk_errors(store), Spool(store, _fingerprint(entries, encoding), len(keys)) as spool:
        _fill(spool, keys, encoding, progress=progress)
        try:
            _assemble(temporary, spool, entries, splits, dict(zip(keys, range(len(keys)), strict=True)))
            if verify_store(temporary) != len(keys):
                raise DatasetError(f"{temporary} holds another number of frames than the dataset")
            temporary.replace(store)
        except DatasetError as error:  # the disk returned other bytes: none of the spool can be trusted
            spool.remove()
            raise DatasetError(f"{error}; its half-written files are removed, pack it again") from error
        finally:
            temporary.unlink(missing_ok=True)
        spool.remove()


def use_store(splits: Splits, store: str | os.PathLike[str], *, root: str | os.PathLike[str]) -> Splits:
    """Return a dataset with its frames taken from a store, for another split or protocol of a packed dataset.

    Args:
        splits: the dataset, read from folders; each of its frames must be in the store.
        store: the ``.h5`` file.
        root: the folder that was given to `pack_splits`.

    Raises:
        DatasetError: the store cannot be opened, or lacks a frame.
    """
    packed = open_store(store)

    def repoint(tracklet: Tracklet) -> Tracklet:
        entries = entry_names(tracklet.frames, root)
        missing = [entry for entry in entries if entry not in packed]
        if missing:
            raise DatasetError(f"{store} lacks {missing[0]}: was the dataset packed with the same root?")
        return replace(tracklet, frames=tuple(packed_key(store, entry) for entry in entries))

    train, query, gallery = (tuple(map(repoint, getattr(splits, part))) for part in _PARTS)
    return replace(splits, train=train, query=query, gallery=gallery)


def entry_names(keys: Sequence[str], root: str | os.PathLike[str] | None = None) -> list[str]:
    """Return a short unique name for every frame key: its path relative to ``root``, with forward slashes.

    Raises:
        ConfigError: a frame lies outside ``root``.
    """
    paths = [parse_key(key).path for key in keys]
    folder = os.path.abspath(root) if root is not None else _common_folder(paths)  # noqa: PTH100
    names = []
    for key, path in zip(keys, paths, strict=True):
        relative = os.path.relpath(os.path.abspath(path), folder).replace(os.sep, "/")  # noqa: PTH100
        if relative.startswith("../"):
            raise ConfigError(
                f"frame {path} lies outside {folder}: give a root that holds every frame, or none"
            )
        names.append(relative + key[len(path) :].replace("::", "/"))
    return names


def _fill(spool: Spool, keys: Sequence[str], encoding: Encoding | None, *, progress: bool) -> None:
    from tqdm import tqdm

    done = len(spool.lengths)
    source = _Source(encoding, FrameReader())
    # a video reader has one position, which threads must not share
    threads = 1 if any(parse_key(key).frame >= 0 for key in keys) else _THREADS
    with (
        ThreadPoolExecutor(threads) as pool,
        tqdm(total=len(keys), initial=done, unit="frame", disable=not progress) as bar,
    ):
        for block in _blocks(keys[done:]):
            frames = list(pool.map(source.read, block))
            spool.append(frames)
            bar.update(len(frames))


def _blocks(keys: Sequence[str]) -> Iterator[list[str]]:
    iterator = iter(keys)
    while block := list(islice(iterator, _BLOCK)):
        yield block


@dataclass(frozen=True)
class _Source:
    """Source of the encoded bytes of frames."""

    encoding: Encoding | None
    reader: FrameReader

    def read(self, key: str) -> bytes:
        parsed = parse_key(key)
        if self.encoding is not None or parsed.frame >= 0:
            return encode_frame(self.reader.read([key])[0], self.encoding or Encoding(quality=None))
        if parsed.entry:
            return read_packed(parsed.path, parsed.entry).tobytes()
        return read_bytes(key).tobytes()


def _assemble(path: Path, spool: Spool, entries: list[str], splits: Splits, rows: dict[str, int]) -> None:
    import h5py

    offsets = np.concatenate([[0], np.cumsum(spool.lengths, dtype=np.uint64)]).astype(np.uint64)
    hashes = hash_entries(entries)
    order = np.argsort(hashes, kind="stable")
    if (np.diff(hashes[order]) == 0).any():
        raise ConfigError(
            "two entry names have the same hash: pack with another root, which changes the names"
        )
    require_room(
        path, int(offsets[-1]) + 256 * len(entries) + (1 << 16)
    )  # HDF5 crashes when the disk is full
    with h5py.File(path, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        file["offsets"], file["hashes"], file["rows"] = offsets, hashes[order], order
        file["crc32"] = np.array(spool.crc32, dtype=np.uint32)
        file["block_ends"] = np.array(spool.block_ends, dtype=np.int64)
        file["block_sha256"] = np.array(spool.block_sha256, dtype="S64")
        names = np.array([os.fsencode(entry) for entry in entries])
        file.create_dataset("names", data=names, compression="gzip", chunks=(min(len(names), 4096),))
        _write_splits(file.create_group("splits"), splits, rows)
        data = file.create_dataset("data", shape=(int(offsets[-1]),), dtype=np.uint8)
        _copy(spool.spool, data)
        begin = int(data.id.get_offset())
    seal_file(path, skip=(begin, begin + int(offsets[-1])))


def _copy(source: Path, data: Any) -> None:
    with source.open("rb") as file:
        place = 0
        while place < len(data) and (piece := file.read(min(1 << 24, len(data) - place))):
            data[place : place + len(piece)] = np.frombuffer(piece, np.uint8)
            place += len(piece)


def _write_splits(group: Any, splits: Splits, rows: dict[str, int]) -> None:
    for key in ("name", "protocol", "licence"):
        group.attrs[key] = (
            getattr(splits, key).encode(errors="replace").decode()
        )  # a folder may have any name
    for part in _PARTS:
        tracklets: tuple[Tracklet, ...] = getattr(splits, part)
        table = group.create_group(part)
        table["pids"] = np.array([t.pid for t in tracklets], dtype=np.int64)
        table["camids"] = np.array([t.camid for t in tracklets], dtype=np.int64)
        table["times"] = np.array([t.time for t in tracklets], dtype=np.float64)
        table["end_times"] = np.array([t.end_time for t in tracklets], dtype=np.float64)
        table["lengths"] = np.array([len(t) for t in tracklets], dtype=np.int64)
        table["rows"] = np.array([rows[key] for t in tracklets for key in t.frames], dtype=np.int64)


def _fingerprint(entries: Iterable[str], encoding: Encoding | None) -> str:
    digest = hashlib.sha256(json.dumps(encoding.describe() if encoding else None).encode())
    for entry in entries:
        digest.update(os.fsencode(entry) + b"\n")
    return digest.hexdigest()


def _common_folder(paths: Sequence[str]) -> str:
    folders = {os.path.dirname(os.path.abspath(path)) for path in paths}  # noqa: PTH100, PTH120
    try:
        return os.path.commonpath(folders)
    except ValueError as error:  # several drives
        raise ConfigError("the frames have no common folder: pack each drive by itself") from error
