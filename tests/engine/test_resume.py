"""A run that is killed in mid-epoch and resumed ends with the bits of one that was not."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).with_name("killed_run.py")


def run(kind, folder, kill_at):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), kind, str(folder), str(kill_at)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)


def assert_same(a, b, where="state"):
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for number, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{number}]")
    else:
        assert a == b, where


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is not there")
@pytest.mark.parametrize("kind", ["pk", pytest.param("plain", marks=pytest.mark.slow)])
def test_killed_and_resumed_equals_uninterrupted(kind, tmp_path):
    generator = np.random.default_rng(0)
    for identity in range(12):
        for frame in range(6):
            image = generator.integers(0, 255, (8, 4, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / f"{identity}_{frame}.png"), image)
    steps_per_epoch = {"pk": 6, "plain": 4}[kind]
    kill_at = 2 * steps_per_epoch + 3
    killed = run(kind, tmp_path, kill_at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    saved = sorted(path.name for path in (tmp_path / kind).glob("checkpoint-*.pt"))
    newest = int(saved[-1].removesuffix(".pt").rpartition("-")[2])
    assert newest < kill_at  # work was lost, and must be done again
    assert newest % steps_per_epoch != 0  # the checkpoint lies inside an epoch
    resumed = run(kind, tmp_path, 0)
    assert resumed.returncode == 0, resumed.stderr
    shutil.rmtree(tmp_path / kind)
    result = torch.load(tmp_path / f"{kind}_0.pt")
    (tmp_path / f"{kind}_0.pt").unlink()
    whole = run(kind, tmp_path, 0)
    assert whole.returncode == 0, whole.stderr
    assert_same(result, torch.load(tmp_path / f"{kind}_0.pt"))
