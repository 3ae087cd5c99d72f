"""Datasets: every one is a function in a file of its own, and `build_dataset` finds it by name."""

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
from videoreid.data.datasets import (
    agvpreid,
    ccvid,
    dukemtmcreid,
    dukemtmcvidreid,
    folder,
    g2avreid,
    ilidsvid,
    lip,
    lsvid,
    market1501,
    mars,
    mevid,
    prid2011,
    synthetic,
    xmars,
)
from videoreid.data.datasets.base import DATASETS, build_dataset, list_datasets, register_dataset
from videoreid.data.datasets.info import Counts, DatasetInfo, dataset_info, list_infos
from videoreid.data.datasets.parsing import (
    ParsingPair,
    ParsingSplits,
    build_parsing_dataset,
    list_parsing_datasets,
    read_pair,
)
from videoreid.data.datasets.reading.frame_names import FrameNames
from videoreid.data.datasets.reading.labels import relabel_pids
from videoreid.data.datasets.reading.sequences import dense_tracklets
from videoreid.data.datasets.reading.split_maker import make_splits
from videoreid.data.datasets.reading.ten_splits import TenSplitsResult, ten_splits

__all__ = [
    "Counts",
    "DATASETS",
    "DatasetInfo",
    "Finding",
    "FrameNames",
    "ParsingPair",
    "ParsingSplits",
    "SplitStatistics",
    "TenSplitsResult",
    "VerifyReport",
    "agvpreid",
    "build_dataset",
    "build_parsing_dataset",
    "ccvid",
    "dataset_info",
    "dataset_statistics",
    "dense_tracklets",
    "draw_statistics",
    "dukemtmcreid",
    "dukemtmcvidreid",
    "folder",
    "g2avreid",
    "ilidsvid",
    "lip",
    "list_datasets",
    "list_infos",
    "list_parsing_datasets",
    "lsvid",
    "make_splits",
    "market1501",
    "mars",
    "mevid",
    "prid2011",
    "read_pair",
    "register_dataset",
    "relabel_pids",
    "split_statistics",
    "statistics_table",
    "synthetic",
    "ten_splits",
    "verify_parsing",
    "verify_splits",
    "xmars",
]
