"""torchreid's optimisers and schedules: functions of this library that accept its keywords."""

from videoreid.optim import build_lr_scheduler, build_optimizer

__all__ = ["build_lr_scheduler", "build_optimizer"]
