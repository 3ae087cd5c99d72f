"""An index in a folder: what is finished stays, one writes, many read, and nothing damaged is believed."""

import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError, DatasetError, ProtocolError, StorageError
from videoreid.retrieval import GalleryIndex, index_folder, index_rows
from videoreid.types import Features


def features_of(count: int, seed: int = 0, width: int = 4) -> Features:
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(count, width)).astype(np.float32))
    times = rng.uniform(0, 100, count)
    return Features(
        values, rng.integers(0, 9, count), rng.integers(0, 3, count), times, times + 2, np.arange(count)
    )


def same(one: GalleryIndex, other: GalleryIndex) -> None:
    assert one.keys.tolist() == other.keys.tolist()
    for name in ("embeddings", "pids", "camids", "times", "end_times", "clothes"):
        np.testing.assert_array_equal(getattr(one.features, name), getattr(other.features, name))
    query = features_of(3, seed=9).embeddings
    for a, b in zip(one.search(query, k=7), other.search(query, k=7), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_folder_holds_what_memory_holds(
    tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (index_folder, index_rows):
        monkeypatch.setattr(module, "SEGMENT", 4096)  # rows of 16 bytes: pieces must begin at a page
    memory = GalleryIndex(4, dtype=dtype, distance="euclidean")
    words = {"width": 4, "dtype": dtype, "distance": "euclidean"}
    with GalleryIndex.open(tmp_path / "g", mode="write", **words) as folder:
        for index in (memory, folder):
            for step in (1, 3000, 2, 6000):
                index.add(features_of(step, seed=step))
            index.remove([2, 3, 4000])
            index.update([0, 9], features_of(2, seed=5))
            assert index.add(features_of(1), keys=[20_000]).tolist() == [20_000]
            assert index.add(features_of(1, seed=1)).tolist() == [20_001]
        same(memory, folder)
        assert len(folder) == 9003 - 3 + 2
    folder = GalleryIndex.open(tmp_path / "g")
    same(memory, folder)
    folder.verify()
    memory.save(tmp_path / "m.npz")
    same(GalleryIndex.load(tmp_path / "m.npz"), folder)
    assert "9,002 x 4, exact, euclidean" in repr(folder)


def test_a_reader_keeps_its_snapshot_until_it_refreshes(tmp_path: Path) -> None:
    writer = GalleryIndex.open(tmp_path, mode="write", width=4)
    keys = writer.add(features_of(5))
    reader = GalleryIndex.open(tmp_path)
    writer.remove(keys[:1])
    writer.add(features_of(3, seed=1))
    assert reader.keys.tolist() == [0, 1, 2, 3, 4]
    reader.refresh()
    assert reader.keys.tolist() == [1, 2, 3, 4, 5, 6, 7]
    writer.compact()
    assert reader.keys.tolist() == [1, 2, 3, 4, 5, 6, 7]  # its files are gone, what it has mapped is not
    same(reader, writer)
    writer.add(features_of(1))
    reader.refresh()
    same(reader, writer)
    assert writer.keys[-1] == 8
    with pytest.raises(StorageError, match="open it with mode='write'"):
        reader.add(features_of(1))
    with pytest.raises(StorageError, match="open it with mode='write'"):
        reader.compact()


def test_what_is_compacted_is_gone(tmp_path: Path) -> None:
    with GalleryIndex.open(tmp_path, mode="write", width=4, distance="euclidean") as index:
        index.add(features_of(3))
        secret = index.features.embeddings[1].numpy().tobytes()
        index.remove([1])
        assert any(secret in path.read_bytes() for path in tmp_path.iterdir())
        index.compact()
        assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())
        index.remove([0, 2])
        index.compact()
        assert len(index) == 0 and index.add(features_of(1)).tolist() == [3]
        index.verify()
    assert len(list(tmp_path.iterdir())) == 5


def test_one_process_writes(tmp_path: Path) -> None:
    writer = GalleryIndex.open(tmp_path, mode="write", width=4)
    with pytest.raises(StorageError, match=r"process \d+ on .* one process writes at a time"):
        GalleryIndex.open(tmp_path, mode="write")
    GalleryIndex.open(tmp_path).close()
    writer.close()
    with pytest.raises(StorageError, match="open for reading"):
        writer.add(features_of(1))
    GalleryIndex.open(tmp_path, mode="write").close()


def test_a_folder_of_other_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a gallery index"):
        GalleryIndex.open(tmp_path)
    with pytest.raises(DatasetError, match="give the width"):
        GalleryIndex.open(tmp_path / "none", mode="write")
    with pytest.raises(ConfigError, match="mode is 'w'"):
        GalleryIndex.open(tmp_path, mode="w")
    GalleryIndex.open(tmp_path, mode="write", width=4).close()
    for words in ({"width": 5}, {"width": 4, "distance": "euclidean"}, {"dtype": "float16"}):
        with pytest.raises(ConfigError, match="not"):
            GalleryIndex.open(tmp_path, mode="write", **words)
        GalleryIndex.open(tmp_path, mode="write").close()  # the lock was given back


def damaged(folder: Path, name: str, change: Any) -> None:
    path = next(folder.glob(f"*.{name}"))
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("mode", ["read", "write"])
def test_damaged_files_are_refused(tmp_path: Path, mode: str) -> None:
    def make(number: int) -> Path:
        folder = tmp_path / str(number)
        with GalleryIndex.open(folder, mode="write", width=4) as index:
            index.add(features_of(5))
            index.add(features_of(6))
            index.remove([3])
        return folder

    def last(data: bytes) -> bytes:
        return data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]

    cases = [
        ("journal", last),
        ("journal", lambda data: bytes([data[0] ^ 1]) + data[1:]),
        ("journal", lambda data: data[64:]),
        ("vectors", lambda data: data[:-1]),
        ("table", lambda data: data[:100]),
        ("table", lambda data: data[56:] + data[:56] if False else data[:56] * 11),
        ("dead", lambda data: b""),
        ("dead", lambda data: b"\xff" * 8),
    ]
    for number, (name, change) in enumerate(cases):
        folder = make(number)
        damaged(folder, name, change)
        with pytest.raises(DatasetError, match="damaged"):
            GalleryIndex.open(folder, mode=mode)
    folder = make(99)
    damaged(folder, "vectors", last)  # only the checksum of all bytes sees it
    with pytest.raises(DatasetError, match=r"vectors is damaged: what change 1 wrote"):
        GalleryIndex.open(folder, mode=mode).verify()


def test_hostile_descriptions_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    with GalleryIndex.open(tmp_path, mode="write", width=4) as index:
        index.add(features_of(5))
    path = tmp_path / "index.json"
    sound = json.loads(path.read_text())
    for change in (
        {"width": 1 << 40}, {"width": -4}, {"width": True}, {"width": "4"}, {"width": 1 << 20}, {"dtype": "object"},
        {"kind": "pickle"}, {"distance": "x"}, {"generation": "../1"}, {"generation": 0}, {"version": 2},
        {"format": "x"}, {"options": {"M": 4}}, {"options": 3}, {"more": 1},
    ):  # fmt: skip
        path.write_text(json.dumps({**sound, **change}))
        with pytest.raises(DatasetError, match=r"damaged|of another format"):
            GalleryIndex.open(tmp_path)
    for text in ("", "[]", "{", "null", "[" * 100_000):
        path.write_text(text)
        with pytest.raises(DatasetError, match="damaged"):
            GalleryIndex.open(tmp_path)


def test_what_a_killed_writer_left_half_done_never_happened(tmp_path: Path) -> None:
    with GalleryIndex.open(tmp_path, mode="write", width=4) as index:
        index.add(features_of(5))
    for name, rest in (
        ("vectors", b"x" * 99),
        ("table", b"y" * 10),
        ("journal", b"vrindex1abc"),
        ("dead", b"z"),
    ):
        damaged(tmp_path, name, lambda data, rest=rest: data + rest)
    assert len(GalleryIndex.open(tmp_path)) == 5
    damaged(tmp_path, "journal", lambda data: data[:64] + bytes(200))  # a machine that lost its power
    assert len(GalleryIndex.open(tmp_path)) == 5
    with GalleryIndex.open(tmp_path, mode="write") as index:
        assert index.add(features_of(2, seed=1)).tolist() == [5, 6]
        index.verify()
    reader = GalleryIndex.open(tmp_path)
    assert len(reader) == 7
    reader.verify()


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = GalleryIndex.open(tmp_path, mode="write", width=4)
    index.add(features_of(5))
    real, failing = os.fsync, [True]

    def full(handle: int) -> None:
        if failing[0]:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        index.add(features_of(2, seed=1))
    assert len(index) == len(GalleryIndex.open(tmp_path)) == 5
    failing[0] = False
    assert index.add(features_of(2, seed=2)).tolist() == [5, 6]
    same(index, GalleryIndex.open(tmp_path))
    index.verify()


def change_for_ever(folder: Path, counter: Any) -> None:
    """Add the numbers from 0 on; each is one tracklet of that pid; every fifth removes what is five back."""
    index = GalleryIndex.open(folder, mode="write", width=8, distance="euclidean")
    number = int(index.features.pids.max(initial=-1)) + 1
    while True:
        row = Features(torch.full((1, 8), float(number)), np.array([number]), np.array([number % 3]))
        if number % 11 == 10:
            index.compact()
        if number % 5 == 4:
            index.update(index.keys[-1:], row)
        else:
            index.add(row)
        counter.value = number
        number += 1


def kill_often(folder: Path, kills: int) -> None:
    GalleryIndex.open(folder, mode="write", width=8, distance="euclidean").close()
    context = multiprocessing.get_context("fork")
    counter, rng = context.Value("q", -1), np.random.default_rng(kills)
    for _ in range(kills):
        child = context.Process(target=change_for_ever, args=(folder, counter))
        before = counter.value
        child.start()
        deadline = time.monotonic() + 60
        while counter.value < before + 3 and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(float(rng.uniform(0, 0.05)))
        child.kill()
        child.join()
        found = GalleryIndex.open(folder)
        pids = found.features.pids
        highest = int(pids.max(initial=-1))
        assert counter.value <= highest <= counter.value + 1, "a change that was finished is lost"
        assert pids.tolist() == [
            n for n in range(highest + 1) if n % 5 == 4 or (n + 1) % 5 != 4 or n == highest
        ]
        assert (found.features.embeddings == torch.from_numpy(pids)[:, None]).all()
        found.verify()
        counter.value = highest


needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="forks processes and kills them"
)


@needs_fork
def test_a_killed_writer_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=3)


@needs_fork
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_writer_that_is_killed_often_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    kill_often(tmp_path, kills=60)


def test_keys_that_are_given(tmp_path: Path) -> None:
    index = GalleryIndex(4)
    index.add(features_of(2), keys=[5, 3])
    for keys in ([3, 7], [7, 7], [-1, 2], [1], [np.iinfo(np.int64).max, 1]):
        with pytest.raises(ProtocolError):
            index.add(features_of(2), keys=keys)
    with pytest.raises(ProtocolError, match=r"keys \[4\] are not in the index; nothing was updated"):
        index.update([3, 4], features_of(2))
    assert index.keys.tolist() == [5, 3] and index.add(features_of(1)).tolist() == [6]


def test_merging(tmp_path: Path) -> None:
    one, other = GalleryIndex(4), GalleryIndex(4, dtype="float16")
    one.add(features_of(3))
    other.add(features_of(5, seed=1))
    other.remove([2])
    assert one.merge(other).tolist() == [3, 4, 5, 6]
    assert one.features.pids[3:].tolist() == other.features.pids.tolist()
    assert one.features.clothes.tolist() == [0, 1, 2, 0, 1, 3, 4]
    with pytest.raises(ConfigError, match="cosine"):
        one.merge(GalleryIndex(4, distance="euclidean"))


def test_memory_of_removed_rows_is_given_back() -> None:
    index = GalleryIndex(4, distance="euclidean")
    kept = index.add(features_of(10))
    for number in range(4):
        keys = index.add(features_of(3000, seed=number))
        index.remove(keys)
    assert index.keys.tolist() == kept.tolist() and len(index._store.rows) < 6010
    index.remove(kept[:1])
    before = index.features
    index.compact()
    assert len(index._store.rows) == 9 and index.keys.tolist() == kept[1:].tolist()
    np.testing.assert_array_equal(index.features.embeddings, before.embeddings)
    assert index.add(features_of(1)).tolist() == [12_010]


@pytest.mark.gpu
def test_rows_on_a_gpu_are_searched_there() -> None:
    local, remote = GalleryIndex(4), GalleryIndex(4, device="cuda")
    for index in (local, remote):
        index.add(features_of(5000))
        index.remove(range(10))
    same(local, remote)
