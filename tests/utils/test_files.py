import hashlib
import os
from pathlib import Path

import pytest

from videoreid.utils import atomic_path, atomic_write_bytes, atomic_write_text, sha256_of


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    atomic_write_text(target, "old")
    with pytest.raises(RuntimeError, match="power cut"), atomic_path(target) as path:
        path.write_text("ne")
        raise RuntimeError("power cut")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_suffix_is_kept_and_folders_are_made(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "picture.png"
    with atomic_path(target) as path:
        assert path.suffix == ".png"
        path.write_bytes(b"x")
    assert target.read_bytes() == b"x"


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_result_is_readable_by_others_as_the_umask_allows(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        atomic_write_text(tmp_path / "a", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_sha256_reads_in_blocks(tmp_path: Path) -> None:
    data = os.urandom((1 << 20) + 17)
    atomic_write_bytes(tmp_path / "blob", data)
    assert sha256_of(tmp_path / "blob") == hashlib.sha256(data).hexdigest()
