"""The figures on the page are those that the benchmarks have recorded."""

import json
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "parsing.md").read_text(encoding="utf-8")
RESULTS = ROOT / "benchmarks" / "results"


def test_the_table_of_matching_under_occlusion() -> None:
    runs = json.loads((RESULTS / "parsing_occlusion.json").read_text(encoding="utf-8"))["runs"].values()
    assert len(runs) == 3
    for way in next(iter(runs))["hidden"]:
        cells = []
        for pictures in ("as filmed", "hidden"):
            for score in ("mAP", "rank1"):
                values = [100 * run[pictures][way][score] for run in runs]
                cells.append(f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}")
        assert f"| {way} | {' | '.join(cells)} |" in PAGE.splitlines()


@pytest.mark.parametrize("name", ["parsing_two_cores", "parsing_two_cores_seed7"])
def test_the_parsers_of_two_cores(name: str) -> None:
    record = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["single scale"]
    for table, row in record.items():
        lines = [line for line in PAGE.splitlines() if line.startswith(f"| {table}")]
        shown = f"| {row['mean_iou']:.3f} | {row['majority_mean_iou']:.3f} | {row['pixel_accuracy']:.3f} |"
        assert any(shown in line for line in lines), table


def test_memory_does_not_grow() -> None:
    rows = json.loads((RESULTS / "parsing_memory.json").read_text(encoding="utf-8"))["rows"]
    by_step = {row["step"]: row["MiB"] for row in rows}
    assert max(by_step) == 5000
    for step, shown in (
        (250, "810 MiB after 250"),
        (1000, "810 after 1,000"),
        (3000, "732 after 3,000"),
        (5000, "731 after 5,000"),
    ):
        assert shown in PAGE
        assert shown.startswith(f"{by_step[step]:.0f} ")
    assert by_step[5000] <= by_step[250]
