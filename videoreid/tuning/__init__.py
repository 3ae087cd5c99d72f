"""Hyper-parameter search (extra ``[tune]``) and validation identities held out of the training set."""

from videoreid.tuning.holdout import INTELLIGENT_MARS_PIDS, hold_out_identities
from videoreid.tuning.search import (
    BAG_OF_TRICKS_SPACE,
    Range,
    draw_study,
    pruning_callback,
    run_search,
    suggest,
)

__all__ = [
    "BAG_OF_TRICKS_SPACE",
    "INTELLIGENT_MARS_PIDS",
    "Range",
    "draw_study",
    "hold_out_identities",
    "pruning_callback",
    "run_search",
    "suggest",
]
