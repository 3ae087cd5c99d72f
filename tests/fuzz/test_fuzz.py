"""Damaged files of every format: the library's error, the same content, or (where nothing can tell) other content.

The suite runs in a process of its own, with one thread, because it forks; `suite.py --mutants 350` prints its table.
"""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.mutants import KINDS, mutate

SUITE = Path(__file__).with_name("suite.py")
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the suite forks processes")


def run(mutants: int, first: int = 0, timeout: int = 280) -> tuple[int, str, str]:
    """Run the suite; return its status, its table, and what it said of mutants that must not be."""
    done = subprocess.run(
        [sys.executable, str(SUITE), "--mutants", str(mutants), "--first", str(first)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stdout, done.stderr


def total(table: str) -> int:
    found = re.search(r"\*\*sum\*\* \| (\d+)", table)
    return int(found[1]) if found else 0


def test_a_few_mutants_of_every_format() -> None:
    status, table, said = run(len(KINDS))
    assert status == 0, said
    assert total(table) >= 300


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_mutants() -> None:
    status, table, said = run(350, first=1000, timeout=3500)
    assert status == 0, said
    assert total(table) >= 10_000


def test_a_number_names_its_mutant_and_every_kind_changes_something() -> None:
    data = random.Random(0).randbytes(3000) + b"0123456789" * 20
    assert [mutate(data, number) for number in range(60)] == [mutate(data, number) for number in range(60)]
    for kind in range(len(KINDS)):
        mutants = [mutate(data, number) for number in range(kind, 240, len(KINDS))]
        assert sum(mutant != data for mutant in mutants) > 15, KINDS[kind].__name__
    assert mutate(b"x", 1) != b"x"
