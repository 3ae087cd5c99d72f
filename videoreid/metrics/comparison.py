"""Comparison of several rankings of one dataset: checks, paired tests and a table with intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from videoreid.errors import ProtocolError
from videoreid.metrics.significance import PairedTest, bootstrap_intervals, holm, paired_test
from videoreid.ranking import SCORES, EvaluationProtocol, Ranking
from videoreid.utils.tables import Table

__all__ = ["CorrectedTest", "check_comparable", "compare_table", "paired_tests", "unlike_lines"]

_MARKS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))
_TESTED = ("mAP", "mINP", "rank1")
_UNNAMED = "unnamed dataset"


def unlike_lines(first: Ranking, second: Ranking) -> list[str]:
    """Return the reasons why two rankings cannot be compared, one line each; empty if they can.

    The distance, the refiners and the features are choices of a method and may differ. The rules, the dataset, the
    queries and the gallery must be the same. A ranking whose dataset has no name is compared by its pids and camids.

    Args:
        first: one ranking.
        second: the other.
    """
    lines = []
    names = [ranking.protocol_line.split(" | ")[0] for ranking in (first, second)]
    if _UNNAMED not in names and names[0] != names[1]:
        lines.append(f"dataset {names[0]!r} and {names[1]!r}")
    for field in fields(EvaluationProtocol):
        values = [getattr(ranking.protocol, field.name) for ranking in (first, second)]
        if values[0] != values[1] and field.name != "note":
            lines.append(f"protocol {field.name} {values[0]!r} and {values[1]!r}")
    counts = [len(ranking.average_precision) for ranking in (first, second)]
    if counts[0] != counts[1]:
        lines.append(f"queries {counts[0]:,} and {counts[1]:,}")
    elif not np.array_equal(first.match_offsets, second.match_offsets):
        matches = [np.diff(ranking.match_offsets) for ranking in (first, second)]
        same = matches[0].shape == matches[1].shape
        place = f", first at query {int(np.flatnonzero(matches[0] != matches[1])[0])}" if same else ""
        lines.append(f"true matches of the queries: {matches[0].sum():,} and {matches[1].sum():,}{place}")
    lines += _unlike_galleries(first, second)
    return lines


def _unlike_galleries(first: Ranking, second: Ranking) -> list[str]:
    if first.gallery is None or second.gallery is None:
        return []
    if len(first.gallery) != len(second.gallery):
        return [f"gallery {len(first.gallery):,} and {len(second.gallery):,} rows"]
    for name in ("pids", "camids"):
        ids = getattr(first.gallery, name), getattr(second.gallery, name)
        if not np.array_equal(*ids):
            row = int(np.flatnonzero(ids[0] != ids[1])[0])
            return [f"gallery {name}, first in row {row}: {ids[0][row]} and {ids[1][row]}"]
    return []


def check_comparable(rankings: Mapping[str, Ranking]) -> None:
    """Raise ProtocolError if rankings differ in rules, dataset, queries or gallery.

    Args:
        rankings: by name; each is compared with the first.

    Raises:
        ProtocolError: the rankings differ, and the message lists the differences; or there is no ranking.
    """
    if not rankings:
        raise ProtocolError("there is no ranking to compare; give one or more")
    base, *others = rankings
    for name in others:
        lines = unlike_lines(rankings[base], rankings[name])
        if lines:
            raise ProtocolError(
                f"{base!r} and {name!r} cannot be compared: {'; '.join(lines)}. Score both in the same way"
            )


@dataclass(frozen=True)
class CorrectedTest:
    """One of several paired tests against the baseline.

    Args:
        test: the test without correction.
        p_value: after Holm's correction for the number of rankings tested.
    """

    test: PairedTest
    p_value: float

    @property
    def mark(self) -> str:
        """Stars for a table: * p < 0.05, ** p < 0.01, *** p < 0.001."""
        return next((mark for bound, mark in _MARKS if self.p_value < bound), "")


Tests = Mapping[tuple[str, str], CorrectedTest]


def paired_tests(rankings: Mapping[str, Ranking], *, seed: int = 0) -> dict[tuple[str, str], CorrectedTest]:
    """Return the paired test of every ranking against the first, by name and metric ("mAP", "mINP", "rank1").

    Args:
        rankings: by name; the first is the baseline.
        seed: of the draws.
    """
    base, *others = rankings
    single = rankings[base].protocol.gallery_shot == "single"  # then Rank-1 has no value per query
    found = {}
    for metric in _TESTED[:2] if single else _TESTED:
        tests = [paired_test(rankings[base], rankings[name], metric=metric, seed=seed) for name in others]
        for name, test, p_value in zip(others, tests, holm([test.p_value for test in tests]), strict=True):
            found[name, metric] = CorrectedTest(test, p_value)
    return found


def compare_table(
    rankings: Mapping[str, Ranking], *, level: float = 0.95, seed: int = 0, tests: Tests | None = None
) -> Table:
    """Return the scores of several rankings in percent, with intervals and significance marks.

    mAP, mINP and Rank-1 are shown with their bootstrap interval over the queries. A star means that the paired test
    against the first row rejects equality, after Holm's correction for the number of rows tested.

    Args:
        rankings: by the name of their row; the first is the baseline.
        level: of the intervals.
        seed: of the draws.
        tests: results of `paired_tests` for these rankings; None computes them.

    Returns:
        A table that prints as Markdown and has ``latex()`` and ``csv()``; its notes are the protocol lines and the
        meaning of the marks.

    Raises:
        ProtocolError: the rankings are not comparable; the message names each line that differs.
    """
    check_comparable(rankings)
    tests = paired_tests(rankings, seed=seed) if tests is None else tests
    rows = []
    for name, ranking in rankings.items():
        single = ranking.protocol.gallery_shot == "single"
        intervals = {} if single else bootstrap_intervals(ranking, level=level, seed=seed)
        cells = list(ranking.to_table(name, intervals).rows[0])
        for column, key in enumerate(SCORES.values(), start=1):
            cells[column] += tests[name, key].mark if (name, key) in tests else ""
        rows.append(cells)
    notes = [f"{name}: {ranking.protocol_line}" for name, ranking in rankings.items()]
    base, *others = rankings
    notes.append(f"In brackets: {100 * level:g} % bootstrap intervals over the queries.")
    if others:
        notes.append(
            f"Paired sign-flip test against {base}, Holm-corrected for {len(others)}: * p < 0.05, ** p < 0.01, "
            "*** p < 0.001."
        )
    return Table(["", *SCORES], rows, notes)
