"""torchreid's optimisers and schedules: the core takes its keywords already."""

from videoreid.optim import build_lr_scheduler, build_optimizer

__all__ = ["build_lr_scheduler", "build_optimizer"]
