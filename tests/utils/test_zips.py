"""Zips whose checksums are compared, and arrays that unpack to what they declare."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from videoreid.errors import WeightsError
from videoreid.utils.zips import check_stored_zip, read_npz


def check(path: Path) -> None:
    check_stored_zip(path, remedy="do this", error=WeightsError)


def test_one_bit_of_a_record_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"w": torch.arange(3000.0)}, path)
    check(path)
    sound = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        record = max(archive.infolist(), key=lambda item: item.file_size)
        begin = record.header_offset + 200
    rng = np.random.default_rng(0)
    for place in rng.integers(begin, begin + record.file_size - 200, 100).tolist():
        path.write_bytes(sound[:place] + bytes([sound[place] ^ (1 << place % 8)]) + sound[place + 1 :])
        with pytest.raises(WeightsError, match=r"is truncated or damaged \(BadZipFile.*; do this"):
            check(path)


def test_compressed_and_doubled_records_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data/0", bytes(1 << 24))
    with pytest.raises(WeightsError, match="record a/data/0 is compressed"):
        check(path)
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(WeightsError, match="holds a record twice"):
        check(path)


def test_files_that_are_no_zip_or_have_no_checksums_pass(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a").write_bytes(b"a pickle")
    check(tmp_path / "a")
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"w": torch.ones(3)}, tmp_path / "b.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    check(tmp_path / "b.pth")
    assert "was written without checksums" in caplog.text


def read(path: Path) -> dict[str, np.ndarray]:
    return read_npz(path, ["a", "b"], what="table", remedy="do this", error=WeightsError)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_mutant_of_an_npz_is_the_same_or_refused(tmp_path: Path, save) -> None:
    path = tmp_path / "a.npz"
    content = {"a": np.arange(500.0), "b": np.array("text"), "c": np.zeros(9)}
    save(path, **content)
    sound = path.read_bytes()
    rng = np.random.default_rng(1)
    for number in range(400):
        data = bytearray(sound)
        if number % 4 == 3:
            data = data[: int(rng.integers(len(data)))]
        else:
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(data))
        try:
            found = read(path)
        except WeightsError as error:
            assert "do this" in str(error)
            continue
        for name in ("a", "b"):
            np.testing.assert_array_equal(found[name], content[name])


def entry(shape: tuple[int, ...], data: bytes = b"") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue() + data


def test_declared_sizes_are_compared_before_memory_is_taken(tmp_path: Path) -> None:
    objects = io.BytesIO()
    np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
    for data in (
        entry((1 << 42,)),
        entry((5,), bytes(8)),
        b"",
        b"\x93NUMPY\x01\x00\x10\x00((((((((((((((((",
        objects.getvalue(),
    ):
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("a.npy", data)
            archive.writestr("b.npy", entry((1,), bytes(8)))
        with pytest.raises(WeightsError, match="do this"):
            read(tmp_path / "a.npz")
    with pytest.raises(WeightsError, match="is no file"):
        read(tmp_path / "none.npz")
