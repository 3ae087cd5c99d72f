"""Optimisers and learning-rate schedules by name."""

from videoreid.optim.centers import build_center_optimizer
from videoreid.optim.optimizers import OPTIMIZERS, build_optimizer
from videoreid.optim.rate_factors import depth_factors, name_factors
from videoreid.optim.schedulers import DECAYS, WARMUPS, build_lr_scheduler, learning_rate_factor

__all__ = [
    "DECAYS",
    "OPTIMIZERS",
    "WARMUPS",
    "build_center_optimizer",
    "build_lr_scheduler",
    "build_optimizer",
    "depth_factors",
    "learning_rate_factor",
    "name_factors",
]
