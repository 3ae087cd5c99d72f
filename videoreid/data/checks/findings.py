"""Findings and report of a dataset check."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from videoreid.data.checks.split_statistics import SplitStatistics, statistics_table

__all__ = ["Finding", "VerifyReport"]


@dataclass(frozen=True)
class Finding:
    """One result of one check.

    Args:
        level: "ok", "note" (worth knowing), or "damage" (the dataset is not what it should be).
        check: name of the check.
        message: what the check found.
    """

    level: Literal["ok", "note", "damage"]
    check: str
    message: str

    def __str__(self) -> str:
        return f"{self.level.upper():<6}  {self.check}: {self.message}"


@dataclass(frozen=True)
class VerifyReport:
    """The results of all checks.

    Args:
        name: the dataset and split.
        findings: in the order of the checks.
        statistics: statistics of each split.
    """

    name: str
    findings: tuple[Finding, ...]
    statistics: Mapping[str, SplitStatistics] = field(default_factory=dict)

    @property
    def compared(self) -> bool:
        """Whether the counts were compared with published ones."""
        return any(finding.check == "counts" and finding.level != "note" for finding in self.findings)

    @property
    def damaged(self) -> bool:
        """Whether any check found damage."""
        return any(finding.level == "damage" for finding in self.findings)

    def __str__(self) -> str:
        damage = sum(finding.level == "damage" for finding in self.findings)
        notes = sum(finding.level == "note" for finding in self.findings)
        verdict = f"{damage} checks found damage" if damage else "no damage found"
        if notes:
            verdict += f", {notes} notes above to read"
        if not self.compared:
            verdict += "; no counts were published, so completeness was not checked"
        table = [statistics_table(self.statistics), ""] if self.statistics else []
        return "\n".join([self.name, *table, *map(str, self.findings), f"{self.name}: {verdict}"])
