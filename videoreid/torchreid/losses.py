"""torchreid's losses."""

from videoreid.losses import CrossEntropyLoss, TripletLoss

__all__ = ["CrossEntropyLoss", "TripletLoss"]
