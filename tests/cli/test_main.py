import errno
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.cli import _COMMANDS, main
from videoreid.errors import DatasetError


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"    {name}" in text for name in _COMMANDS)


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert f"videoreid {name}" in capsys.readouterr().out


def test_a_mistake_of_the_user_is_one_line_and_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rank", "--model", "osnet_x0_25", "--weights", "w.pth", "--output", "nowhere"]) == 2
    assert (
        capsys.readouterr().err
        == "videoreid rank: give either --video and --tracks, or --dataset and --root\n"
    )


def test_only_a_training_process_of_its_own_reuses_freed_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    monkeypatch.setattr("videoreid.utils.allocation.reuse_freed_memory", lambda: calls.append(True))
    unknown = ["train", "no_such_recipe", "--dataset", "mars", "--output", "nowhere"]
    assert main(unknown) == 2
    assert calls == []
    monkeypatch.setattr("sys.argv", ["videoreid", "recipes", "list"])
    assert main() == 0
    assert calls == []
    monkeypatch.setattr("sys.argv", ["videoreid", *unknown])
    assert main() == 2
    assert calls == [True]


def test_it_runs_as_a_module_and_help_does_not_load_torch() -> None:
    code = "import sys; from videoreid.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.endswith("False\n"), done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "videoreid", "--version"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("videoreid ")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/out/a.h5"),
            2,
            "No space left on device: /out/a.h5",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/out"), 2, "Permission denied: /out"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a"), 2, "Not a directory: a"),
        (
            UnicodeEncodeError("utf-8", "caf\udce9", 3, 4, "surrogates not allowed"),
            2,
            "a path that is not UTF-8",
        ),
        (MemoryError("64 GiB"), 2, "not enough memory (64 GiB)"),
        (DatasetError("no folder caf\udce9"), 2, "no folder caf\\udce9"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_nothing_that_a_user_can_mend_is_a_traceback(
    error: BaseException,
    status: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("videoreid.cli.models.run", fail)
    assert main(["models", "list"]) == status
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_odd_places_end_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where a folder is asked for, and a folder whose name is not UTF-8."""
    (tmp_path / "file").write_text("x")
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    for root in (str(tmp_path / "file" / "root"), odd):
        assert main(["data", "verify", "folder", root]) == 2
    for store in (str(tmp_path / "file" / "s.h5"), f"{odd}/s.h5"):
        root = tmp_path / "own"
        (root / "train" / "1" / "a" / "t").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / "train" / "1" / "a" / "t" / "1.png"), np.zeros((8, 4, 3), np.uint8))
        status = main(["data", "pack", "folder", str(root), store])
        assert status == (2 if "file" in store else 0)
    assert "Traceback" not in capsys.readouterr().err
