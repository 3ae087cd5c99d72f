"""The answer of a ranking as a folder; report pages for one run and for several, from the files of their folders."""

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
