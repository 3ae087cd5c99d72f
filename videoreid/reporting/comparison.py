"""Comparison of runs: paired differences per query, changed queries, one table and one CMC plot."""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from videoreid.engine import RunFolder, StoredEvaluation
from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import check_comparable, compare_table
from videoreid.metrics.comparison import CorrectedTest, paired_tests
from videoreid.reporting.page import (
    Section,
    figure,
    figures,
    links,
    page,
    paragraph,
    rows_table,
    table,
    table_links,
)
from videoreid.reporting.report import write_table
from videoreid.utils.staging import staged_outputs
from videoreid.utils.tables import Table
from videoreid.visual import plot_cmc

__all__ = ["Comparison", "compare_runs", "write_comparison"]

_OUTPUTS = ("plots", "tables", "queries.csv", "index.html")
_SHOWN = 50  # changed queries on the page; the CSV has all


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs scored by the same rules on the same data; the first is the baseline.

    Args:
        evaluations: by the name of the run.
        table: scores with intervals and significance marks.
        tests: by name of the run and metric, of the run minus the baseline.
    """

    evaluations: Mapping[str, StoredEvaluation]
    table: Table
    tests: Mapping[tuple[str, str], CorrectedTest]

    @property
    def baseline(self) -> str:
        """Name of the first run."""
        return next(iter(self.evaluations))

    def differences(self, name: str) -> np.ndarray:
        """Return AP of a run minus AP of the baseline ``(Q,)``; NaN where a query is not scored."""
        first, second = (self.evaluations[run].ranking for run in (self.baseline, name))
        return second.average_precision - first.average_precision

    def changed(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the queries that only the run answers correctly at rank 1, and those that only the baseline does.

        Each is ``(n,)`` int64, the largest difference of AP first.
        """
        first, second = (self.evaluations[run].ranking.first_match == 1 for run in (self.baseline, name))
        sizes = -np.abs(np.nan_to_num(self.differences(name)))
        order = np.argsort(sizes, kind="stable")
        return order[(second & ~first)[order]], order[(first & ~second)[order]]


def compare_runs(
    runs: Sequence[RunFolder | str | os.PathLike[str]], *, evaluation: str | None = None, seed: int = 0
) -> Comparison:
    """Compare runs that were evaluated on the same queries.

    Args:
        runs: two or more run folders or their paths; the first is the baseline.
        evaluation: name of the evaluation to take from each run; None takes the first of each.
        seed: of the intervals and tests.

    Raises:
        ConfigError: fewer than two runs.
        ProtocolError: the runs differ in rules, dataset, queries or gallery; the message lists the differences.
        DatasetError: a folder is not a run folder, is of a newer version, or holds no evaluation.
    """
    if len(runs) < 2:
        raise ConfigError(f"{len(runs)} run folder to compare: give two or more, the baseline first")
    opened = [run if isinstance(run, RunFolder) else RunFolder.open(run) for run in runs]
    stored = dict(zip(_names(opened), (run.evaluation(evaluation) for run in opened), strict=True))
    rankings = {name: one.ranking for name, one in stored.items()}
    check_comparable(rankings)
    base, *others = stored
    for name in others:
        _refuse_other_queries(base, stored[base], name, stored[name])
    tests = paired_tests(rankings, seed=seed)
    return Comparison(stored, compare_table(rankings, seed=seed, tests=tests), tests)


def write_comparison(comparison: Comparison, output: str | os.PathLike[str]) -> Path:
    """Write a page with table, tests, CMC and changed queries, and every query as CSV.

    Args:
        comparison: of the runs.
        output: folder of the page.

    Returns:
        The page, ``index.html``.

    Raises:
        StorageError: the output cannot be written.
    """
    folder = Path(output)
    base, *others = comparison.evaluations
    with staged_outputs(folder, _OUTPUTS) as place:
        (place / "plots").mkdir()
        (place / "tables").mkdir()
        write_table(comparison.table, place / "tables" / "comparison")
        rankings = {name: one.ranking for name, one in comparison.evaluations.items()}
        cmc = plot_cmc(rankings, place / "plots" / "cmc")
        (place / "queries.csv").write_text(_queries_csv(comparison), "utf-8", "backslashreplace")
        sections: list[Section] = [
            ("Scores", [table(comparison.table), table_links("tables/comparison")]),
            ("Paired differences", [_tests_table(comparison)]),
            ("CMC", [figures([figure(cmc, "CMC of the runs with bootstrap bounds")])]),
        ]
        for name in others:
            sections.append((f"Changed: {name}", _changed(comparison, name)))
        title = f"{base} and {', '.join(others)}"
        (place / "index.html").write_text(page(title, sections), "utf-8", "backslashreplace")
    return folder / "index.html"


def tests_rows(comparison: Comparison) -> list[tuple[str, str, str, str, str]]:
    """Return run, metric, difference with its interval, p and corrected p, for a table."""
    return [
        (name, metric, str(found.test.difference), f"{found.test.p_value:.4f}", f"{found.p_value:.4f}")
        for (name, metric), found in comparison.tests.items()
    ]


def _tests_table(comparison: Comparison) -> str:
    columns = ("run", "metric", f"points over {comparison.baseline} [95 %]", "p", "p, corrected")
    text = "Paired by query; p of a sign-flip test, corrected for the number of runs (Holm)."
    return rows_table(columns, tests_rows(comparison)) + paragraph(text, small=True)


def _changed(comparison: Comparison, name: str) -> list[str]:
    won, lost = comparison.changed(name)
    both = [(comparison.evaluations[run].ranking) for run in (comparison.baseline, name)]
    pieces = []
    for rows, text in ((won, "now right at rank 1"), (lost, "no longer right at rank 1")):
        more = f"; the first {_SHOWN} are listed" if len(rows) > _SHOWN else ""
        pieces.append(paragraph(f"{len(rows)} queries are {text}{more}."))
        stored = comparison.evaluations[name]
        lines = [
            (row, stored.query_pids[row], stored.query_camids[row],
             *(f"{ranking.average_precision[row]:.3f}" for ranking in both),
             *(int(ranking.first_match[row]) for ranking in both))
            for row in rows[:_SHOWN].tolist()
        ]  # fmt: skip
        columns = (
            "query",
            "pid",
            "camera",
            f"AP {comparison.baseline}",
            f"AP {name}",
            "first hit",
            "first hit now",
        )
        if lines:
            pieces.append(rows_table(columns, lines))
    return [*pieces, links({"queries.csv": "all queries as CSV"})]


def _queries_csv(comparison: Comparison) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = list(comparison.evaluations)
    writer.writerow(
        ["query", "pid", "camid", *(f"AP {name}" for name in names), *(f"first hit {name}" for name in names),
         *(f"AP difference {name}" for name in names[1:])]
    )  # fmt: skip
    base = comparison.evaluations[comparison.baseline]
    gaps = [comparison.differences(name) for name in names[1:]]
    rankings = [one.ranking for one in comparison.evaluations.values()]
    for row in range(len(base.query_pids)):
        scores = [ranking.average_precision[row] for ranking in rankings] + [gap[row] for gap in gaps]
        cells = ["" if np.isnan(value) else repr(float(value)) for value in scores]
        firsts = [int(ranking.first_match[row]) for ranking in rankings]
        count = len(rankings)
        ids = (row, int(base.query_pids[row]), int(base.query_camids[row]))
        writer.writerow([*ids, *cells[:count], *firsts, *cells[count:]])
    return text.getvalue()


def _names(runs: Sequence[RunFolder]) -> list[str]:
    """Return a name for each run: the last parts of its path that distinguish it from the others."""
    paths = [run.path.resolve().parts for run in runs]
    for depth in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-depth:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    raise ConfigError(f"the run folder {runs[0].path} is given twice; compare different runs")


def _refuse_other_queries(base: str, first: StoredEvaluation, name: str, second: StoredEvaluation) -> None:
    for what in ("query_pids", "query_camids"):
        ids = getattr(first, what), getattr(second, what)
        if not np.array_equal(*ids):
            row = int(np.flatnonzero(ids[0] != ids[1])[0])
            raise ProtocolError(
                f"{base!r} and {name!r} cannot be compared: {what.replace('_', ' ')}, first at query {row}: "
                f"{ids[0][row]} and {ids[1][row]}. Score both on one list of queries"
            )
