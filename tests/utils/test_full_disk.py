"""Writers that crash where a file cannot grow end in the library's error, and leave nothing."""

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from videoreid.errors import StorageError
from videoreid.retrieval import write_features
from videoreid.types import Features, Tracklet
from videoreid.utils import hdf5

ROOT = Path(__file__).parents[2]
CHILD = """
import resource, signal, sys
from pathlib import Path
import torch
from videoreid.errors import StorageError
from videoreid.export.exporting import _write_torchscript
from videoreid.export.metadata import ExportMetadata
from videoreid.retrieval import write_features
from videoreid.types import Features, Tracklet
from videoreid.utils.files import atomic_path

class Record:
    def to_json(self):
        return "{}"

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
folder = Path(sys.argv[1])
side = Features.of(torch.rand(100, 256), [Tracklet(("a.jpg",), pid, 0) for pid in range(100)])
for write in (
    lambda: write_features(folder / "f.h5", side, side),
    lambda: torchscript(folder / "m.ts"),
):
    def torchscript(path):
        with atomic_path(path) as temporary:
            _write_torchscript(torch.nn.Linear(100, 100), torch.rand(1, 100), temporary, Record())
    try:
        write()
    except StorageError as error:
        print("refused:", error)
print("left:", sorted(path.name for path in folder.iterdir()))
"""


@pytest.mark.skipif(os.name == "nt", reason="limits the size of files by POSIX")
def test_a_file_that_cannot_grow_ends_no_process(tmp_path: Path) -> None:
    """A limit of file sizes does what a full disk does: a write fails in the middle."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["refused", "refused", "left"]
    assert "f.h5: File too large" in lines[0]
    assert "m.ts: File too large" in lines[1]
    assert lines[2] == "left: []"


def test_there_is_room_before_a_large_file_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side = Features.of(torch.rand(10, 8), [Tracklet(("a.jpg",), pid, 0) for pid in range(10)])
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(hdf5, "_IN_MEMORY", 0)
    write_features(tmp_path / "f.h5", side, side)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(1 << 20, 1 << 19, 1 << 19))
    with pytest.raises(
        StorageError, match=r"the disk is full \(No space left: 1,[\d,]+ bytes are needed, 524,288"
    ):
        write_features(tmp_path / "g.h5", side, side)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.h5"]
