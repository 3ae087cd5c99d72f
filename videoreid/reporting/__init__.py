"""Report pages: one for a run, and one that compares several runs, from the files of their folders."""

from videoreid.reporting.comparison import Comparison, compare_runs, write_comparison
from videoreid.reporting.report import write_report

__all__ = [
    "Comparison",
    "compare_runs",
    "write_comparison",
    "write_report",
]
