"""One page for a run, and one for several, from files on disk."""

from videoreid.reporting.comparison import Comparison, compare_runs, write_comparison
from videoreid.reporting.report import write_report

__all__ = [
    "Comparison",
    "compare_runs",
    "write_comparison",
    "write_report",
]
