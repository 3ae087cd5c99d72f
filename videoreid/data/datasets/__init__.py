"""Corpora: every one is a function in a file of its own, and `build_dataset` finds it by name."""

from videoreid.data.datasets import (
    dukemtmcreid,
    dukemtmcvidreid,
    folder,
    ilidsvid,
    lip,
    lsvid,
    market1501,
    mars,
    prid2011,
    synthetic,
    xmars,
)
from videoreid.data.datasets.base import DATASETS, build_dataset, list_datasets, register_corpus
from videoreid.data.datasets.corpus import Corpus, Counts, corpus_card, list_cards
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
    "Corpus",
    "Counts",
    "DATASETS",
    "FrameNames",
    "ParsingPair",
    "ParsingSplits",
    "TenSplitsResult",
    "build_dataset",
    "build_parsing_dataset",
    "corpus_card",
    "dense_tracklets",
    "list_cards",
    "list_datasets",
    "list_parsing_datasets",
    "make_splits",
    "read_pair",
    "register_corpus",
    "relabel_pids",
    "ten_splits",
]
