"""Checks of a dataset against its published statistics, and statistics of its splits."""

from videoreid.data.checks.findings import Finding, VerifyReport
from videoreid.data.checks.split_statistics import (
    SplitStatistics,
    dataset_statistics,
    split_statistics,
    statistics_table,
)
from videoreid.data.checks.statistics_chart import draw_statistics
from videoreid.data.checks.verify import verify_splits
from videoreid.data.checks.verify_parsing import verify_parsing

__all__ = [
    "Finding",
    "SplitStatistics",
    "VerifyReport",
    "dataset_statistics",
    "draw_statistics",
    "split_statistics",
    "statistics_table",
    "verify_parsing",
    "verify_splits",
]
