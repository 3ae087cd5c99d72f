"""Sentences of the commands."""

import pytest

from videoreid.utils.printing import count_of, say


def test_numbers_have_their_noun() -> None:
    assert [count_of(number, "person", "people") for number in (0, 1, 1261)] == [
        "0 people",
        "1 person",
        "1,261 people",
    ]
    assert count_of(2, "tracklet") == "2 tracklets"


@pytest.mark.parametrize(("rank", "expected"), [(None, "saved\n"), ("0", "saved\n"), ("1", "")])
def test_one_of_several_processes_prints(
    rank: str | None, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if rank is not None:
        monkeypatch.setenv("RANK", rank)
    say("saved")
    assert capsys.readouterr().out == expected
