"""The answer of a ranking as a folder; one page for a run, and one for several, from files on disk."""

from videoreid.reporting.answer import AnswerOptions, write_answer, write_scores
from videoreid.reporting.comparison import Comparison, compare_runs, write_comparison
from videoreid.reporting.report import write_report

__all__ = [
    "AnswerOptions",
    "Comparison",
    "compare_runs",
    "write_answer",
    "write_comparison",
    "write_report",
    "write_scores",
]
