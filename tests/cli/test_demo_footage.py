"""The demo of footage on a tiny world: it films, follows, finds, associates, and writes what it promises."""

import json
import logging
from pathlib import Path

import pytest

from videoreid import footage
from videoreid.cli import _demo_footage, main
from videoreid.errors import MissingExtraError

TINY = ["demo", "--footage", "--fast", "--identities", "6", "--steps", "2", "--seed", "3"]


@pytest.fixture(autouse=True)
def _tiny_and_quiet_afterwards(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_demo_footage, "_CAMERAS", 2)
    monkeypatch.setattr(_demo_footage, "_FRAME_RATE", 4)
    monkeypatch.setattr(_demo_footage, "_DISTANCES", [0.1, 0.2])
    monkeypatch.setattr(_demo_footage, "_FAST_PEOPLE", 3)
    yield
    logging.getLogger("videoreid").handlers.clear()


def without_the_extra(*_: object, **__: object) -> None:
    raise MissingExtraError("trackers", "track", "tracking")


def test_what_is_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footage, "track", without_the_extra)
    output = tmp_path / "out"
    command = [*TINY, "--output", str(output), "--root", str(tmp_path / "worlds")]
    assert main(command) == 0
    printed = capsys.readouterr()
    text = (output / "footage.txt").read_text()
    assert text.strip() in printed.out
    assert "the true tracks are used instead of a tracker's" in printed.err
    assert "person" in text and "right answers among the first 5" in text
    assert text.splitlines()[-1].startswith("association of ") and "IDF1" in text.splitlines()[-1]
    asked = len(text.splitlines()) - 1
    assert 1 <= asked <= 3
    for number in range(1, asked + 1):
        assert "<html" in (output / f"person{number}.html").read_text()
    assert "<html" in (output / "people.html").read_text()
    assert (output / "identities.csv").read_text().count("camera") >= 2
    assert f"videoreid associate {output / 'index'}" in printed.err  # commands to try again
    assert (output / "model.safetensors").is_file()
    # again: the network and the film that are there are taken, and the answer is the same
    assert main(command) == 0
    assert "of an earlier demo" in capsys.readouterr().err
    assert (output / "footage.txt").read_text() == text
    # another world needs another folder
    assert main([*TINY[:-1], "4", *command[-4:]]) == 2
    assert "filmed with other options: name another folder with --output" in capsys.readouterr().err
    assert json.loads((output / "footage" / "world.json").read_text())["seed"] == 3


def test_no_steps_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*TINY[:5], "--steps", "0", "--output", str(tmp_path / "out"), "--root", str(tmp_path)]
    assert main(command) == 2
    assert "--steps must be 1 or more" in capsys.readouterr().err
