import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from tests.data.datasets.dataset_imitations import savemat
from videoreid.data.datasets import mat73
from videoreid.data.datasets.reading.mat import read_mat
from videoreid.errors import DatasetError


def test_both_versions_give_the_same_orientation(tmp_path: Path) -> None:
    table = np.arange(8.0).reshape(2, 4)
    savemat(tmp_path / "old.mat", info=table)
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:  # as MATLAB writes it
        file["info"] = table.T
    for name in ("old.mat", "new.mat"):
        assert np.array_equal(read_mat(tmp_path / name, "info", "x"), table)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"nothing of the kind" * 20)
    with pytest.raises(DatasetError, match=r"a\.mat is not a readable \.mat file"):
        read_mat(tmp_path / "a.mat", "info", "x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"x: missing file .*a\.mat"):
        read_mat(tmp_path / "a.mat", "info", "x")


KINDS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_parser_agrees_with_scipys_writer(tmp_path: Path, kind: str, compressed: bool) -> None:
    rng = np.random.default_rng(len(kind))
    for shape in ((1, 1), (1, 0), (3, 4), (1, 5), (2, 3, 2)):
        values = rng.integers(0, 100, shape).astype(kind)
        other = np.array([["text"]], dtype=object)
        content = {"first": other, "values_of_a_long_name": values, "z": np.array([[2j]])}
        scipy.io.savemat(tmp_path / "a.mat", content, do_compression=compressed)
        read = read_mat(tmp_path / "a.mat", "values_of_a_long_name", "x")
        assert read.dtype == values.dtype
        assert np.array_equal(read, values)
        with pytest.raises(DatasetError, match="no variable 'z'; it holds values_of_a_long_name"):
            read_mat(tmp_path / "a.mat", "z", "x")  # complex numbers, cells and texts are no tables


@pytest.mark.parametrize("compressed", [False, True])
def test_no_damage_crashes_the_parser_or_takes_memory(tmp_path: Path, compressed: bool) -> None:
    """A thousand mutants: each gives the variable or the library's error, and nothing else."""
    path = tmp_path / "a.mat"
    table = np.arange(60).reshape(15, 4)
    scipy.io.savemat(path, {"info": table}, do_compression=compressed)
    sound = path.read_bytes()
    rng = np.random.default_rng(0)
    different = 0
    for number in range(1000):
        data = bytearray(sound)
        if number % 4 == 3:
            data = data[: int(rng.integers(len(data)))]
        elif number % 4 == 2:
            place = int(rng.integers(len(data) - 4))
            data[place : place + 4] = rng.integers(0, 256, 4, dtype=np.uint8).tobytes()
        else:
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(data))
        try:
            different += not np.array_equal(read_mat(path, "info", "x"), table)
        except DatasetError:
            continue
    # a compressed variable carries its own checksum; an uncompressed one has none
    assert (different == 0) if compressed else different > 0


def test_memory_is_asked_for_only_if_it_is_there(tmp_path: Path) -> None:
    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    def matrix(shape: list[int], data: bytes) -> bytes:
        flags = element(6, struct.pack("<II", 6, 0))
        return element(14, flags + element(5, np.array(shape, "<i4").tobytes()) + element(1, b"info") + data)

    head = b"MATLAB 5.0".ljust(124) + b"\x00\x01IM"
    huge = matrix([1 << 20, 1 << 20], element(9, bytes(8)))
    packed = zlib.compress(bytes(1 << 24), 1)
    bomb = struct.pack("<II", 15, len(packed)) + packed
    for content in (huge, bomb, matrix([-1, 4], element(9, b"")), matrix([4], element(9, bytes(32)))):
        (tmp_path / "a.mat").write_bytes(head + content)
        with pytest.raises(DatasetError, match="is not a readable"):
            read_mat(tmp_path / "a.mat", "info", "x")


def test_a_mat_file_of_hdf5_is_read_apart(tmp_path: Path) -> None:
    """External storage, links and huge declarations end in the library's error."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(64)))
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["info"] = np.arange(8.0).reshape(4, 2)
        file.create_dataset("outside", shape=(8,), dtype="i8", external=[(str(secret), 0, 64)])
        file["linked"] = h5py.ExternalLink(str(tmp_path / "b.mat"), "info")
        file.create_dataset("huge", shape=(1 << 40,), dtype="f8", chunks=(1 << 16,), compression="gzip")
    assert np.array_equal(read_mat(path, "info", "x"), np.arange(8.0).reshape(4, 2).T)
    for name, message in {
        "outside": "not a table of numbers in this file",
        "linked": "links are not followed",
        "huge": "declares more bytes than the file can hold",
        "absent": "no variable 'absent'; it holds huge, info, linked, outside",
    }.items():
        with pytest.raises(DatasetError, match=message):
            read_mat(path, name, "x")


def test_a_reader_that_dies_or_hangs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["info"] = [1.0]
    monkeypatch.setattr(mat73, "_READER", "import os; os.abort()")
    with pytest.raises(DatasetError, match="HDF5 stopped with status -6"):
        read_mat(path, "info", "x")
    monkeypatch.setattr(mat73, "_READER", "import time; time.sleep(60)")
    monkeypatch.setattr(mat73, "_SECONDS", 0.5)
    with pytest.raises(DatasetError, match=r"did not end in 0\.5 seconds"):
        read_mat(path, "info", "x")
