"""Corpora: every one is a function in a file of its own, and `build_dataset` finds it by name."""

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
from videoreid.data.datasets.base import DATASETS, build_dataset, list_datasets, register_corpus
from videoreid.data.datasets.corpus import Corpus, Counts, corpus_card, list_cards
from videoreid.data.datasets.findings import Finding, VerifyReport
from videoreid.data.datasets.frame_names import FrameNames
from videoreid.data.datasets.labels import relabel_pids
from videoreid.data.datasets.parsing import (
    ParsingPair,
    ParsingSplits,
    build_parsing_dataset,
    list_parsing_datasets,
    read_pair,
)
from videoreid.data.datasets.sequences import dense_tracklets
from videoreid.data.datasets.split_maker import make_splits
from videoreid.data.datasets.split_statistics import (
    SplitStatistics,
    corpus_statistics,
    split_statistics,
    statistics_table,
)
from videoreid.data.datasets.statistics_chart import draw_statistics
from videoreid.data.datasets.ten_splits import TenSplitsResult, ten_splits
from videoreid.data.datasets.verify import verify_splits
from videoreid.data.datasets.verify_parsing import verify_parsing

__all__ = [
    "Corpus",
    "Counts",
    "DATASETS",
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
    "corpus_card",
    "corpus_statistics",
    "dense_tracklets",
    "draw_statistics",
    "dukemtmcreid",
    "dukemtmcvidreid",
    "folder",
    "g2avreid",
    "ilidsvid",
    "lip",
    "list_cards",
    "list_datasets",
    "list_parsing_datasets",
    "lsvid",
    "make_splits",
    "market1501",
    "mars",
    "mevid",
    "prid2011",
    "read_pair",
    "register_corpus",
    "relabel_pids",
    "split_statistics",
    "statistics_table",
    "synthetic",
    "ten_splits",
    "verify_parsing",
    "verify_splits",
    "xmars",
]
