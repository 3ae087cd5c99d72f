"""Outputs that belong together: all new, all old, or marked as not there; never old beside new."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from videoreid.errors import StorageError
from videoreid.utils import staging
from videoreid.utils.staging import staged_outputs

NAMES = ("crops", "page.html", "metrics.json")


def write(folder: Path, value: str, *, crops: bool = True) -> None:
    with staged_outputs(folder, NAMES) as place:
        if crops:
            (place / "crops").mkdir()
            (place / "crops" / value).write_text(value)
        (place / "page.html").write_text(value)
        (place / "metrics.json").write_text(value)


def read(folder: Path) -> tuple[str, str, list[str]]:
    names = sorted(path.name for path in (folder / "crops").iterdir()) if (folder / "crops").exists() else []
    return (folder / "page.html").read_text(), (folder / "metrics.json").read_text(), names


def test_new_outputs_replace_old_ones_and_leave_the_rest(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("of the user")
    write(tmp_path, "one")
    write(tmp_path, "two")
    assert read(tmp_path) == ("two", "two", ["two"])
    write(tmp_path, "three", crops=False)
    assert read(tmp_path) == ("three", "three", [])
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "page.html", "metrics.json"}


def test_an_error_leaves_the_old_ones(tmp_path: Path) -> None:
    write(tmp_path, "one")
    with pytest.raises(ZeroDivisionError), staged_outputs(tmp_path, NAMES) as place:
        (place / "page.html").write_text("half")
        raise ZeroDivisionError
    assert read(tmp_path) == ("one", "one", ["one"])
    assert len(list(tmp_path.iterdir())) == 3


def test_a_run_that_stops_while_it_deletes_its_folder_blocks_nothing(tmp_path: Path) -> None:
    """Its list of names may be the first file to go; the outputs are complete by then."""
    write(tmp_path, "one")
    (tmp_path / ".metrics.json.whole").mkdir()
    write(tmp_path, "two")
    assert read(tmp_path) == ("two", "two", ["two"])
    assert len(list(tmp_path.iterdir())) == 3


def test_a_run_that_stops_among_the_renames_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every step: the mark stands only beside outputs of its own run, and the next call finishes."""
    steps = 0
    for stop in range(1, 20):
        folder = tmp_path / str(stop)
        write(folder, "one")
        before = staging._remove
        steps = 0

        def remove(path: Path, stop: int = stop, before=before) -> None:
            nonlocal steps
            steps += 1
            if path.parent == folder and steps > stop:  # noqa: B023
                raise KeyboardInterrupt
            before(path)

        with monkeypatch.context() as patch:
            patch.setattr(staging, "_remove", remove)
            try:
                write(folder, "two", crops=False)
            except KeyboardInterrupt:
                stopped = True
            else:
                stopped = False
        if (folder / "metrics.json").exists():
            value = (folder / "metrics.json").read_text()
            assert (folder / "page.html").read_text() == value
            assert (folder / "crops").exists() == (value == "one")
        write(folder, "three")
        assert read(folder) == ("three", "three", ["three"])
        assert len(list(folder.iterdir())) == 3
        if not stopped:
            break
    else:
        pytest.fail("it never came to its end")
    assert stop > 3


def write_for_ever(folder: Path) -> None:
    for number in range(10**9):
        write(folder, str(number), crops=number % 2 == 0)


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="forks processes and kills them"
)
def test_kills_leave_outputs_of_one_run(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for trial in range(15):
        child = context.Process(target=write_for_ever, args=(tmp_path,))
        child.start()
        time.sleep(0.03 + 0.01 * trial)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        if (tmp_path / "metrics.json").exists():
            page, metrics, names = read(tmp_path)
            assert page == metrics
            assert names == ([metrics] if int(metrics) % 2 == 0 else [])
    write(tmp_path, "8")
    assert read(tmp_path) == ("8", "8", ["8"])
    assert len(list(tmp_path.iterdir())) == 3


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with (
        staged_outputs(tmp_path, NAMES),
        pytest.raises(
            StorageError, match=f"process {os.getpid()} .* is writing metrics.json .*another folder"
        ),
        staged_outputs(tmp_path, NAMES),
    ):
        pass
    write(tmp_path / "other", "1")  # the advice
    write(tmp_path, "1")


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*file"), staged_outputs(tmp_path / "file", NAMES):
        pass
