"""Losses as functions and modules, and criteria that add them with weights."""

from videoreid.losses.center import CenterLoss, center_loss
from videoreid.losses.circle import CircleLoss, circle_loss
from videoreid.losses.class_vectors import ClassVectorTerm, ExtraLogitsTerm
from videoreid.losses.cluster_memory import ClusterMemory, ClusterMemoryTerm
from videoreid.losses.criterion import Criterion
from videoreid.losses.cross_entropy import CrossEntropyLoss, cross_entropy_loss
from videoreid.losses.divergence import DivergenceLoss, DivergenceTerm, divergence_loss
from videoreid.losses.frame_attention import FrameAttentionLoss, frame_attention_loss
from videoreid.losses.frame_info_nce import FrameInfoNCETerm, frame_info_nce_loss
from videoreid.losses.heads import over_heads
from videoreid.losses.osm_caa import OSMCAALoss, osm_caa_loss
from videoreid.losses.presets import BagOfTricksCriterion, SoftmaxCriterion, TripletCriterion
from videoreid.losses.supervised_contrastive import supervised_contrastive_loss
from videoreid.losses.terms import FeatureTerm, FrameAttentionTerm, LogitTerm
from videoreid.losses.transformer_criteria import CLIPReIDCriterion, TFCLIPCriterion, TransReIDCriterion
from videoreid.losses.triplet import TripletLoss, triplet_loss

__all__ = [
    "BagOfTricksCriterion",
    "CLIPReIDCriterion",
    "CenterLoss",
    "CircleLoss",
    "ClassVectorTerm",
    "ClusterMemory",
    "ClusterMemoryTerm",
    "Criterion",
    "CrossEntropyLoss",
    "DivergenceLoss",
    "DivergenceTerm",
    "ExtraLogitsTerm",
    "FeatureTerm",
    "FrameAttentionLoss",
    "FrameAttentionTerm",
    "FrameInfoNCETerm",
    "LogitTerm",
    "OSMCAALoss",
    "SoftmaxCriterion",
    "TFCLIPCriterion",
    "TransReIDCriterion",
    "TripletCriterion",
    "TripletLoss",
    "center_loss",
    "circle_loss",
    "cross_entropy_loss",
    "divergence_loss",
    "frame_attention_loss",
    "frame_info_nce_loss",
    "osm_caa_loss",
    "over_heads",
    "supervised_contrastive_loss",
    "triplet_loss",
]
