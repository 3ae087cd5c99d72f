"""torchreid's image engines, by its names and arguments."""

from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from videoreid.losses import SoftmaxCriterion, TripletCriterion
from videoreid.torchreid.engine.facade import DataManagerEngine

__all__ = ["ImageSoftmaxEngine", "ImageTripletEngine"]


class ImageSoftmaxEngine(DataManagerEngine):
    """Cross-entropy on images, which are clips of one frame here.

    Args:
        datamanager: an `ImageDataManager`.
        model: the network.
        optimizer: over its parameters.
        scheduler: stepped once an epoch.
        use_gpu: use CUDA where there is one.
        label_smooth: smooth the labels by 0.1.
    """

    def __init__(
        self,
        datamanager: Any,
        model: nn.Module,
        optimizer: Optimizer,
        scheduler: LRScheduler | None = None,
        use_gpu: bool = True,  # noqa: FBT001, FBT002 - torchreid's signature
        label_smooth: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        criterion = SoftmaxCriterion(0.1 if label_smooth else 0.0)
        super().__init__(
            datamanager, model, optimizer, criterion=criterion, scheduler=scheduler, use_gpu=use_gpu
        )


class ImageTripletEngine(DataManagerEngine):
    """Batch-hard triplet loss and cross-entropy on images, which are clips of one frame here.

    Args:
        datamanager: an `ImageDataManager` with ``train_sampler="RandomIdentitySampler"``.
        model: the network.
        optimizer: over its parameters.
        margin: of the triplet loss.
        weight_t: weight of the triplet loss.
        weight_x: weight of the cross-entropy.
        scheduler: stepped once an epoch.
        use_gpu: use CUDA where there is one.
        label_smooth: smooth the labels by 0.1.
    """

    def __init__(  # noqa: PLR0913 - torchreid's signature
        self,
        datamanager: Any,
        model: nn.Module,
        optimizer: Optimizer,
        margin: float = 0.3,
        weight_t: float = 1,
        weight_x: float = 1,
        scheduler: LRScheduler | None = None,
        use_gpu: bool = True,  # noqa: FBT001, FBT002
        label_smooth: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        criterion = TripletCriterion(
            margin,
            label_smoothing=0.1 if label_smooth else 0.0,
            softmax_weight=weight_x,
            triplet_weight=weight_t,
        )
        super().__init__(
            datamanager, model, optimizer, criterion=criterion, scheduler=scheduler, use_gpu=use_gpu
        )
