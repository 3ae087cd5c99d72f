import os

import pytest

from videoreid.utils.processes import available_cores, process_count, process_rank


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 5, 6}, raising=False)
    assert available_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1


def test_alone_without_a_process_group():  # two processes: tests/engine/test_processes.py
    assert (process_rank(), process_count()) == (0, 1)
