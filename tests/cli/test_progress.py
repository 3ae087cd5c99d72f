import io

import pytest

from videoreid.cli import _progress
from videoreid.cli._progress import Progress, as_time


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    return now


def test_a_file_gets_a_line_in_half_a_minute(clock: list[float]) -> None:
    stream = io.StringIO()
    progress = Progress("gate.mp4", 1000, stream=stream)
    for number in range(400):
        clock[0] += 0.1
        progress(number)
    progress.close()
    assert stream.getvalue() == "gate.mp4: 30 % of 1000 frames, 10.0 frames/s, 1:10 left\n"


def test_a_terminal_is_rewritten_but_not_by_two(clock: list[float]) -> None:
    alone, beside = Terminal(), Terminal()
    progress, other = Progress("a", 0, stream=alone), Progress("b", 10, alone=False, stream=beside)
    clock[0] += 1
    progress(49)
    other(4)
    assert alone.getvalue() == "\r\x1b[Ka: 50 frames, 50.0 frames/s" and beside.getvalue() == ""
    progress.close()
    assert alone.getvalue().endswith("\r\x1b[K")


def test_times() -> None:
    assert [as_time(seconds) for seconds in (0, 59.6, 3600)] == ["0:00", "1:00", "1:00:00"]
