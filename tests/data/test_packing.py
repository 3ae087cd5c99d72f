import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from videoreid.data.frames import FrameReader
from videoreid.data.keys import Box, parse_key, video_key
from videoreid.data.loaders import train_loader
from videoreid.data.packing import Encoding, pack_splits, use_store, verify_store
from videoreid.data.packing.spool import Spool
from videoreid.data.packing.writing import entry_names
from videoreid.data.stores import PackedStore, open_store, packed_splits, read_packed
from videoreid.data.stores.layout import journal_path, spool_path
from videoreid.data.transforms import build_transform
from videoreid.errors import ConfigError, DatasetError, FrameError, VideoReIDError
from videoreid.types import Splits, Tracklet
from videoreid.utils.sealing import check_seal, seal_file


@pytest.fixture
def splits(make_tracklets) -> Splits:
    tracklets = make_tracklets(identities=6, cameras=2, length=7)
    return Splits(
        "tiny", tuple(tracklets[:4]), tuple(tracklets[4:8]), tuple(tracklets[6:]), protocol="p", licence="l"
    )


def test_a_packed_dataset_is_the_dataset(splits: Splits, tmp_path: Path) -> None:
    packed = pack_splits(splits, tmp_path / "s.h5")
    assert repr(packed) == repr(packed_splits(tmp_path / "s.h5"))  # an unknown time is NaN, unequal to itself
    assert (packed.name, packed.protocol, packed.licence) == ("tiny", "p", "l")
    reader = FrameReader()
    for part in ("train", "query", "gallery"):
        for before, after in zip(getattr(splits, part), getattr(packed, part), strict=True):
            assert (before.pid, before.camid, before.time) == (after.pid, after.camid, after.time)
            for one, other in zip(reader.read(before.frames), reader.read(after.frames), strict=True):
                np.testing.assert_array_equal(one, other)
    shared = {key for t in packed.query for key in t.frames} & {
        key for t in packed.gallery for key in t.frames
    }
    assert len(shared) == 14  # two tracklets are in both, their frames stored once
    assert verify_store(tmp_path / "s.h5") == 12 * 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crops", "s.h5"]


def test_bytes_are_those_of_the_files(splits: Splits, tmp_path: Path) -> None:
    pack_splits(splits, tmp_path / "s.h5", root=tmp_path)
    path = splits.train[1].frames[3]
    entry = Path(path).relative_to(tmp_path).as_posix()
    assert read_packed(str(tmp_path / "s.h5"), entry).tobytes() == Path(path).read_bytes()
    assert entry in open_store(tmp_path / "s.h5")


def test_frames_are_encoded_anew_on_request(splits: Splits, tmp_path: Path) -> None:
    small = pack_splits(splits, tmp_path / "s.h5", encoding=Encoding((16, 8), quality=80))
    key = parse_key(small.train[0].frames[0])
    assert read_packed(key.path, key.entry)[:3].tobytes() == b"\xff\xd8\xff"
    assert FrameReader().read(small.train[0].frames)[0].shape == (16, 8, 3)
    lossless = pack_splits(splits, tmp_path / "t.h5", encoding=Encoding(quality=None))
    np.testing.assert_array_equal(
        FrameReader().read(lossless.train[0].frames)[2], FrameReader().read(splits.train[0].frames)[2]
    )


def test_video_frames_and_packed_frames_are_packed(video: Path, tmp_path: Path) -> None:
    tracklet = Tracklet(tuple(video_key(video, f, Box(0, 0, 16, 32)) for f in range(5)), 3, 1, 0.0, 4.0)
    packed = pack_splits(Splits("v", query=(tracklet,)), tmp_path / "s.h5")
    again = pack_splits(packed, tmp_path / "t.h5")
    for one, other, third in zip(
        *(FrameReader().read(t.frames) for t in (tracklet, packed.query[0], again.query[0])), strict=True
    ):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, third)
    assert (again.query[0].time, again.query[0].end_time) == (0.0, 4.0)


def test_another_split_uses_the_store(splits: Splits, tmp_path: Path) -> None:
    pack_splits(splits, tmp_path / "s.h5", root=tmp_path)
    other = use_store(Splits("other", train=splits.gallery[:2]), tmp_path / "s.h5", root=tmp_path)
    np.testing.assert_array_equal(
        FrameReader().read(other.train[0].frames)[1], FrameReader().read(splits.gallery[0].frames)[1]
    )
    with pytest.raises(DatasetError, match=r"s\.h5 lacks"):
        use_store(splits, tmp_path / "s.h5", root=tmp_path / "crops")


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Make the spool fail once it has taken ``after`` blocks."""
    append = Spool.append

    def failing(self: Spool, frames: list[bytes]) -> None:
        if len(self.block_ends) == after:
            raise KeyboardInterrupt
        append(self, frames)

    monkeypatch.setattr("videoreid.data.packing.writing._BLOCK", 10)
    monkeypatch.setattr(Spool, "append", failing)


def test_an_interrupted_store_is_recognised_and_continued(
    splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pack_splits(splits, tmp_path / "whole.h5")
    store = tmp_path / "s.h5"
    with monkeypatch.context() as patch:
        interrupt(patch, after=3)
        with pytest.raises(KeyboardInterrupt):
            pack_splits(splits, store)
    with pytest.raises(DatasetError, match="half-written"):
        PackedStore(store)
    with spool_path(store).open(
        "ab"
    ) as file:  # what a kill leaves: bytes and half a line beyond the last block
        file.write(b"torn")
    with journal_path(store).open("a") as file:
        file.write('{"lengths": [1, 2')
    read: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(
            "videoreid.data.packing.writing.read_bytes",
            lambda key: (read.append(key), np.fromfile(key, np.uint8))[1],
        )
        resumed = pack_splits(splits, store)
    assert len(read) == 12 * 7 - 30  # the first three blocks were not read again
    assert [t.pid for t in resumed.train] == [t.pid for t in whole.train]
    one, other = PackedStore(tmp_path / "whole.h5"), PackedStore(store)
    assert [one.read_row(i).tobytes() for i in range(len(one))] == [
        other.read_row(i).tobytes() for i in range(len(other))
    ]
    assert verify_store(store) == len(one)
    assert not spool_path(store).exists()


def test_a_journal_cut_within_its_first_line_starts_anew(splits: Splits, tmp_path: Path) -> None:
    journal_path(tmp_path / "s.h5").write_text('{"pl')
    pack_splits(splits, tmp_path / "s.h5")
    assert verify_store(tmp_path / "s.h5") == 84


def test_a_spool_of_another_dataset_is_refused(
    splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, after=2)
        with pytest.raises(KeyboardInterrupt):
            pack_splits(splits, tmp_path / "s.h5")
    with pytest.raises(DatasetError, match="half-written store of another dataset"):
        pack_splits(Splits("x", train=splits.train), tmp_path / "s.h5")
    with pytest.raises(DatasetError, match="or of other options"):
        pack_splits(splits, tmp_path / "s.h5", encoding=Encoding(quality=50))


def move_a_border(journal: bytes) -> bytes:
    """Move the border of two frames by five bytes: the block's length, and its checksum, stay."""
    lines = [json.loads(line) for line in journal.splitlines()]
    lines[1]["lengths"][:2] = [lines[1]["lengths"][0] + 5, lines[1]["lengths"][1] - 5]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


DAMAGE = {
    "spool cut off": (spool_path, lambda data: data[:50]),
    "spool empty": (spool_path, lambda data: b""),
    "one bit of the spool": (spool_path, lambda data: data[:40] + bytes([data[40] ^ 4]) + data[41:]),
    "one bit late in the spool": (spool_path, lambda data: data[:-40] + bytes([data[-40] ^ 4]) + data[-39:]),
    "journal without its first line": (journal_path, lambda data: data.partition(b"\n")[2]),
    "journal of text": (journal_path, lambda data: b"nonsense\n" * 9),
    "a length changed": (journal_path, lambda data: data.replace(b'"lengths": [', b'"lengths": [1', 1)),
    "a border moved": (journal_path, move_a_border),
    "a negative length": (journal_path, lambda data: data.replace(b'"lengths": [', b'"lengths": [-', 1)),
    "a line twice": (journal_path, lambda data: data + data.splitlines(keepends=True)[-1]),
    "everything twice": (journal_path, lambda data: data * 2),
    "not UTF-8": (journal_path, lambda data: data + b"\xff\xfe\n"),
    "deep brackets": (journal_path, lambda data: data + b"[" * 100_000 + b"\n"),
    "another checksum": (journal_path, lambda data: data.replace(b'"sha256": "', b'"sha256": "0', 1)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_packing_again_heals_a_damaged_half(
    splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """Whatever happened to the half-written files, the same call gives the store of an undisturbed one."""
    whole = PackedStore(pack_splits(splits, tmp_path / "whole.h5") and tmp_path / "whole.h5")
    store = tmp_path / "s.h5"
    with monkeypatch.context() as patch:
        interrupt(patch, after=3)
        with pytest.raises(KeyboardInterrupt):
            pack_splits(splits, store)
    place, change = DAMAGE[damage]
    before = place(store).read_bytes()
    place(store).write_bytes(change(before))
    assert place(store).read_bytes() != before
    store.with_name("s.h5.assembling").write_bytes(b"of a process that was killed")
    pack_splits(splits, store)
    packed = PackedStore(store)
    assert [packed.read_row(i).tobytes() for i in range(len(packed))] == [
        whole.read_row(i).tobytes() for i in range(len(whole))
    ]
    assert verify_store(store) == 84
    assert {path.name for path in tmp_path.iterdir()} == {"crops", "s.h5", "whole.h5"}


def test_a_disk_that_gives_back_other_bytes_is_named_and_packing_again_works(
    splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("videoreid.data.packing.writing.verify_store", lambda path: 83)
        with pytest.raises(DatasetError, match=r"another number of frames .* pack it again"):
            pack_splits(splits, tmp_path / "s.h5")
    assert {path.name for path in tmp_path.iterdir()} == {"crops"}
    pack_splits(splits, tmp_path / "s.h5")


def _pack_in_child(splits: Splits, store: Path, barrier, queue) -> None:
    barrier.wait(timeout=60)
    try:
        pack_splits(splits, store)
        queue.put("packed")
    except VideoReIDError as error:
        queue.put(str(error))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="forks processes")
def test_one_process_at_a_time_packs(splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several processes one writes the store and the others say who; then every frame is that of its name."""
    store, context = tmp_path / "s.h5", multiprocessing.get_context("fork")
    monkeypatch.setattr("videoreid.data.packing.writing._BLOCK", 4)
    monkeypatch.setattr(
        "videoreid.data.packing.writing.read_bytes",
        lambda key: (time.sleep(0.005), np.fromfile(key, np.uint8))[1],
    )
    barrier, queue = context.Barrier(4), context.Queue()
    children = [
        context.Process(target=_pack_in_child, args=(splits, store, barrier, queue)) for _ in range(4)
    ]
    for child in children:
        child.start()
    lines = [queue.get(timeout=120) for _ in children]
    for child in children:
        child.join()
    assert lines.count("packed") == 1
    others = [line for line in lines if line != "packed"]
    assert all(re.search(r"process \d+ on .* is packing|exists: delete it", line) for line in others), lines
    packed = packed_splits(store)
    assert verify_store(store) == 84
    for part in ("train", "query", "gallery"):
        for before, after in zip(getattr(splits, part), getattr(packed, part), strict=True):
            for one, other in zip(
                FrameReader().read(before.frames), FrameReader().read(after.frames), strict=True
            ):
                np.testing.assert_array_equal(one, other)
    assert {path.name for path in tmp_path.iterdir()} == {"crops", "s.h5"}


@pytest.mark.skipif(os.name == "nt", reason="kills a process by a POSIX signal")
def test_a_killed_process_leaves_a_store_that_can_be_continued(splits: Splits, tmp_path: Path) -> None:
    store, plan = tmp_path / "s.h5", tmp_path / "plan.json"
    plan.write_text(json.dumps([[list(t.frames), t.pid, t.camid] for t in (*splits.train, *splits.query)]))
    code = f"""
import json, os, signal
from videoreid.data.packing import pack_splits, writing
from videoreid.data.packing.spool import Spool
from videoreid.types import Splits, Tracklet
tracklets = tuple(Tracklet(tuple(f), p, c) for f, p, c in json.load(open({str(plan)!r})))
writing._BLOCK = 10
append = Spool.append
def killing(self, frames):
    append(self, frames)
    if len(self.block_ends) == 2:
        self._data.write(b"half a block"); self._data.flush()
        os.kill(os.getpid(), signal.SIGKILL)
Spool.append = killing
pack_splits(Splits("x", train=tracklets), {str(store)!r})
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert not store.exists()
    packed = pack_splits(Splits("x", train=(*splits.train, *splits.query)), store)
    assert verify_store(store) == 56
    np.testing.assert_array_equal(
        FrameReader().read(packed.train[-1].frames)[-1], FrameReader().read(splits.query[-1].frames)[-1]
    )


def test_workers_read_what_the_parent_reads(splits: Splits, tmp_path: Path) -> None:
    packed = pack_splits(splits, tmp_path / "s.h5")
    transform = build_transform("strong", (32, 16), train=True)

    def run(workers: int) -> list[torch.Tensor]:
        loader = train_loader(
            packed.train, batch_size=4, instances=2, num_frames=3, transform=transform, workers=workers
        )
        return [batch.frames for epoch in range(3) if loader.set_epoch(epoch) is None for batch in loader]

    for one, other in zip(run(0), run(2), strict=True):
        assert torch.equal(one, other)


METHODS = [pytest.param("spawn", marks=pytest.mark.slow)]
if "fork" in multiprocessing.get_all_start_methods():
    METHODS.append(pytest.param("fork"))


def _sum_in_child(keys: list[str], queue) -> None:
    reader = FrameReader()
    queue.put(sum(int(frame.sum()) for _ in range(20) for frame in reader.read(keys)))


@pytest.mark.parametrize("method", METHODS)
def test_processes_made_while_a_store_is_open_read_their_own_frames(
    splits: Splits, tmp_path: Path, method: str
) -> None:
    packed = pack_splits(splits, tmp_path / "s.h5")
    tracklets = [packed.train[0], packed.gallery[-1]]
    expected = [20 * sum(int(frame.sum()) for frame in FrameReader().read(t.frames)) for t in tracklets]
    context = multiprocessing.get_context(method)
    queues = [context.Queue() for _ in tracklets]
    children = [
        context.Process(target=_sum_in_child, args=(list(t.frames), queue))
        for t, queue in zip(tracklets, queues, strict=True)
    ]
    for child in children:
        child.start()
    assert [queue.get(timeout=60) for queue in queues] == expected
    for child in children:
        child.join()


def flip(path: Path, place: int, bit: int = 0) -> None:
    with path.open("rb+") as file:
        file.seek(place)
        value = file.read(1)[0]
        file.seek(place)
        file.write(bytes([value ^ (1 << bit)]))


def test_damage_is_found_and_named(splits: Splits, tmp_path: Path) -> None:
    store = tmp_path / "s.h5"
    packed = pack_splits(splits, store)
    frames = [key for t in packed.train for key in t.frames]
    data = FrameReader().read(frames)
    place = store.read_bytes().index(read_packed(str(store), parse_key(frames[9]).entry).tobytes())
    flip(store, place + 60)
    with pytest.raises(FrameError, match=r"frame .* is damaged: its checksum differs"):
        FrameReader().read([frames[9]])
    with pytest.raises(DatasetError, match="frames 0 to 83 are damaged"):
        verify_store(store)
    skipping = FrameReader("skip")
    for one, other in zip(skipping.read(frames[8:11]), (data[8], data[8], data[10]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert skipping.skipped == 1
    unchecked = read_packed(str(store), parse_key(frames[9]).entry, check=False)  # an option, for speed
    assert unchecked.size == read_packed(str(tmp_path / "s.h5"), parse_key(frames[9]).entry, check=False).size
    assert FrameReader(check_packed=False).check_packed is False


def test_every_byte_decides(splits: Splits, tmp_path: Path) -> None:
    """One bit anywhere: labels, names, index and seal are refused on opening, frames on reading; nothing is silent."""
    store, small = tmp_path / "s.h5", Splits("tiny", train=splits.train[:1], query=splits.query[:1])
    pack_splits(small, store)
    sound = store.read_bytes()
    seal = check_seal(store, remedy="")
    assert seal.skip_end - seal.skip_begin == int(PackedStore(store).frame_ends(0, 14)[-1])
    rng = np.random.default_rng(0)
    places = [*range(8), *rng.integers(0, len(sound), 60), *range(len(sound) - 64, len(sound), 3)]
    for place in map(int, places):
        store.write_bytes(sound[:place] + bytes([sound[place] ^ (1 << (place % 8))]) + sound[place + 1 :])
        with pytest.raises(DatasetError):
            verify_store(store)
        if not seal.skip_begin <= place < seal.skip_end:
            for open_it in (PackedStore, packed_splits):
                with pytest.raises(DatasetError):
                    open_it(store)


def test_stores_that_cannot_be_opened_say_why(splits: Splits, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no packed store"):
        PackedStore(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(DatasetError, match="no checksum at its end"):
        PackedStore(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1]
    seal_file(tmp_path / "other.h5")
    with pytest.raises(DatasetError, match="not a packed store of this version"):
        PackedStore(tmp_path / "other.h5")
    pack_splits(splits, tmp_path / "s.h5")
    os.truncate(tmp_path / "s.h5", (tmp_path / "s.h5").stat().st_size - 2000)
    with pytest.raises(DatasetError, match="cut off, damaged"):
        PackedStore(tmp_path / "s.h5")


CRAFTED = {
    "offsets": lambda values: values[::-1].copy(),
    "rows": lambda values: values * 0,
    "hashes": lambda values: values[::-1].copy(),
    "block_ends": lambda values: values[:0],
    "crc32": lambda values: values[:-1],
    "splits/train/pids": lambda values: values + 0.5,
    "splits/train/rows": lambda values: values + 1000,
    "splits/train/lengths": lambda values: values - 1,
    "splits/train/camids": lambda values: values[:-1],
    "names": lambda values: values[::-1].copy(),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_store_with_a_seal_is_refused(splits: Splits, tmp_path: Path, name: str) -> None:
    store = tmp_path / "s.h5"
    pack_splits(splits, store)
    with h5py.File(store, "r+") as file:
        values = CRAFTED[name](file[name][:])
        if name == "names":
            values[0] = b"other.png"
        del file[name]
        file[name] = values
        begin, size = file["data"].id.get_offset(), file["data"].shape[0]
    seal_file(store, skip=(begin, begin + size))
    with pytest.raises(DatasetError):
        verify_store(store)


def test_an_unknown_entry_is_named(splits: Splits, tmp_path: Path) -> None:
    pack_splits(splits, tmp_path / "s.h5")
    with pytest.raises(FrameError, match=r"no entry 'nobody\.jpg'; it holds 84 frames"):
        FrameReader().read([f"{tmp_path / 's.h5'}::nobody.jpg"])


def test_what_a_kill_left_beside_a_finished_store_is_removed(splits: Splits, tmp_path: Path) -> None:
    store = tmp_path / "s.h5"
    pack_splits(splits, store)
    for path in (spool_path(store), journal_path(store), tmp_path / "s.h5.assembling"):
        path.write_bytes(b"left")
    with pytest.raises(ConfigError, match="exists"):
        pack_splits(splits, store)
    assert {path.name for path in tmp_path.iterdir()} == {"crops", "s.h5"}


def test_arguments_that_make_no_sense_are_refused(splits: Splits, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.h5"):
        pack_splits(splits, tmp_path / "store.zip")
    with pytest.raises(ConfigError, match="nothing to pack"):
        pack_splits(Splits("empty"), tmp_path / "s.h5")
    with pytest.raises(ConfigError, match="lies outside"):
        pack_splits(splits, tmp_path / "s.h5", root=tmp_path / "crops" / "deeper")
    (tmp_path / "s.h5").touch()
    with pytest.raises(ConfigError, match="exists"):
        pack_splits(splits, tmp_path / "s.h5")
    for options in ({"quality": 0}, {"size": (0, 5)}):
        with pytest.raises(ConfigError):
            Encoding(**options)


def test_entry_names_are_relative_and_keep_the_inner_part() -> None:
    keys = ["/r/a/1.jpg", "/r/b/2.jpg", "/r/v.avi::frame=3&box=1,2,3,4"]
    assert entry_names(keys) == ["a/1.jpg", "b/2.jpg", "v.avi/frame=3&box=1,2,3,4"]
    assert entry_names(keys[:1], "/r") == ["a/1.jpg"]
    assert entry_names(keys[:1]) == ["1.jpg"]
