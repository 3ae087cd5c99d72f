"""Losses as functions and modules, and criteria that weigh them."""

from videoreid.losses.criteria import SoftmaxCriterion, TripletCriterion
from videoreid.losses.criterion import Criterion
from videoreid.losses.cross_entropy import CrossEntropyLoss, cross_entropy_loss
from videoreid.losses.heads import over_heads
from videoreid.losses.terms import SoftmaxTerm, TripletTerm
from videoreid.losses.triplet import TripletLoss, triplet_loss

__all__ = [
    "Criterion",
    "CrossEntropyLoss",
    "SoftmaxCriterion",
    "SoftmaxTerm",
    "TripletCriterion",
    "TripletLoss",
    "TripletTerm",
    "cross_entropy_loss",
    "over_heads",
    "triplet_loss",
]
