"""Corpora: every one is a function in a file of its own, and `build_dataset` finds it by name."""

from videoreid.data.datasets.base import (
    DATASETS,
    build_dataset,
    corpus_card,
    list_datasets,
    register_corpus,
)
from videoreid.data.datasets.corpus import Corpus, Counts
from videoreid.data.datasets.frame_names import FrameNames
from videoreid.data.datasets.labels import relabel_pids
from videoreid.data.datasets.mars import mars

__all__ = [
    "DATASETS",
    "Corpus",
    "Counts",
    "FrameNames",
    "build_dataset",
    "corpus_card",
    "list_datasets",
    "mars",
    "register_corpus",
    "relabel_pids",
]
