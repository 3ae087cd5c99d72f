"""Datasets: each is a loader function in its own file, which `build_dataset` finds by name."""

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
    synthetic_sequences,
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
from videoreid.data.datasets.remarks import collect_remarks

__all__ = [
    "Counts",
    "DATASETS",
    "DatasetInfo",
    "FrameNames",
    "ParsingPair",
    "ParsingSplits",
    "TenSplitsResult",
    "build_dataset",
    "build_parsing_dataset",
    "collect_remarks",
    "dataset_info",
    "dense_tracklets",
    "list_datasets",
    "list_infos",
    "list_parsing_datasets",
    "make_splits",
    "read_pair",
    "register_dataset",
    "relabel_pids",
    "ten_splits",
]
