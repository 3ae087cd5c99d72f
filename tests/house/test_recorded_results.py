"""Tables on pages are those that the benchmarks have recorded."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tables_of_the_proof_of_learning_are_the_recorded_ones() -> None:
    recorded = (ROOT / "benchmarks/results/proof_of_learning.md").read_text(encoding="utf-8").splitlines()
    page = (ROOT / "docs/proof_of_learning.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in recorded if line.startswith("| ")]
    assert len(rows) > 20
    assert [line for line in rows if line not in page] == []
    shown = [line for line in page if line.startswith("| ")]
    assert [line for line in shown if line not in rows] == []
