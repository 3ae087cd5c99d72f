"""videoreid: person re-identification in video.

The names below are all that a usual script needs (``import videoreid as vr``); the subpackages (`videoreid.data`,
`videoreid.models`, ...) hold the rest. Both are imported when they are first used, so that ``import videoreid`` is
quick and a script loads only what it uses.
"""

import importlib
from typing import TYPE_CHECKING, Any

from videoreid._version import __version__

if (
    TYPE_CHECKING
):  # what editors and type checkers see; at run time __getattr__ imports each name on first use
    from videoreid.data import build_dataset, build_transform, eval_loader, list_datasets, train_loader
    from videoreid.engine import Engine, TrainSettings, evaluate, extract_features, extract_tracklets
    from videoreid.footage import crop_tracklets, read_tracks
    from videoreid.losses import SoftmaxCriterion, TripletCriterion
    from videoreid.metrics import KReciprocal, evaluate_features
    from videoreid.models import build_model, from_pretrained, list_models, load_weights
    from videoreid.optim import build_lr_scheduler, build_optimizer
    from videoreid.retrieval import GalleryIndex
    from videoreid.types import Clip, Features, Ranking, Splits, Tracklet
    from videoreid.utils import seed_everything
    from videoreid.visual import draw_ranking, write_explorer, write_ranking_html

_ROOMS = (
    "analysis",
    "data",
    "engine",
    "errors",
    "export",
    "footage",
    "functional",
    "indexing",
    "inference",
    "losses",
    "metrics",
    "models",
    "optim",
    "recipes",
    "registry",
    "reporting",
    "retrieval",
    "torchreid",
    "tuning",
    "types",
    "utils",
    "visual",
)

_NAMES = {
    "Clip": "types",
    "Engine": "engine",
    "Features": "types",
    "GalleryIndex": "retrieval",
    "KReciprocal": "metrics",
    "Ranking": "types",
    "SoftmaxCriterion": "losses",
    "Splits": "types",
    "Tracklet": "types",
    "TrainSettings": "engine",
    "TripletCriterion": "losses",
    "build_dataset": "data",
    "build_lr_scheduler": "optim",
    "build_model": "models",
    "build_optimizer": "optim",
    "build_transform": "data",
    "crop_tracklets": "footage",
    "draw_ranking": "visual",
    "eval_loader": "data",
    "evaluate": "engine",
    "evaluate_features": "metrics",
    "extract_features": "engine",
    "extract_tracklets": "engine",
    "from_pretrained": "models",
    "list_datasets": "data",
    "list_models": "models",
    "load_weights": "models",
    "read_tracks": "footage",
    "seed_everything": "utils",
    "train_loader": "data",
    "write_explorer": "visual",
    "write_ranking_html": "visual",
}
"""Every public name of the package and the subpackage it comes from."""

__all__ = [
    "Clip",
    "Engine",
    "Features",
    "GalleryIndex",
    "KReciprocal",
    "Ranking",
    "SoftmaxCriterion",
    "Splits",
    "Tracklet",
    "TrainSettings",
    "TripletCriterion",
    "__version__",
    "build_dataset",
    "build_lr_scheduler",
    "build_model",
    "build_optimizer",
    "build_transform",
    "crop_tracklets",
    "draw_ranking",
    "eval_loader",
    "evaluate",
    "evaluate_features",
    "extract_features",
    "extract_tracklets",
    "from_pretrained",
    "list_datasets",
    "list_models",
    "load_weights",
    "read_tracks",
    "seed_everything",
    "train_loader",
    "write_explorer",
    "write_ranking_html",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
