"""The model zoo."""

from videoreid.models import (
    ame,
    bag_of_tricks,
    gcm,
    mra,
    osnet,
    pcb_streid,
    psta,
    resnet,
    resnet50_3d,
    resnet50_temporal,
    tracklet_vit,
)
from videoreid.models.base import ReIDModel
from videoreid.models.clip_model import ClipModel, ClipOptions
from videoreid.models.factory import MODELS, build_model, list_models
from videoreid.models.loading import LoadReport, load_weights

__all__ = [
    "MODELS",
    "ClipModel",
    "ClipOptions",
    "LoadReport",
    "ReIDModel",
    "ame",
    "bag_of_tricks",
    "build_model",
    "gcm",
    "list_models",
    "load_weights",
    "mra",
    "osnet",
    "pcb_streid",
    "psta",
    "resnet",
    "resnet50_3d",
    "resnet50_temporal",
    "tracklet_vit",
]
