"""The model zoo: networks, published weights, loading and saving."""

from videoreid.models import (
    ame,
    ap3d,
    bag_of_tricks,
    bicnet_tks,
    cavit,
    ce2p,
    clip_text,
    clipreid,
    gcm,
    hacnn,
    mlfn,
    mobilenetv2,
    mra,
    mudeep,
    osnet,
    osnet_ain,
    pass_vit,
    pcb,
    pcb_streid,
    psta,
    resnet,
    resnet50_3d,
    resnet50_temporal,
    resnet50mid,
    resnet_ibn,
    senet,
    sinet,
    solider,
    tclnet,
    tfclip,
    timm_models,
    tracklet_vit,
    transreid,
)
from videoreid.models.backbones import build_backbone
from videoreid.models.base import ReIDModel
from videoreid.models.before_neck import BeforeNeck
from videoreid.models.cost import count_parameters, flops_per_clip
from videoreid.models.digest import weights_digest
from videoreid.models.factory import MODELS, build_model, list_models
from videoreid.models.frame_network import FrameNetwork, FrameOptions
from videoreid.models.loading import LoadReport, load_weights
from videoreid.models.reported import PublishedResult, list_results
from videoreid.models.saving import from_pretrained, save_pretrained
from videoreid.models.summary import ModelSummary, summarise
from videoreid.models.weights import list_weights

__all__ = [
    "BeforeNeck",
    "FrameNetwork",
    "FrameOptions",
    "LoadReport",
    "MODELS",
    "ModelSummary",
    "PublishedResult",
    "ReIDModel",
    "build_backbone",
    "build_model",
    "count_parameters",
    "flops_per_clip",
    "from_pretrained",
    "list_models",
    "list_results",
    "list_weights",
    "load_weights",
    "save_pretrained",
    "summarise",
    "weights_digest",
]
