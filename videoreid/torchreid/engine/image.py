"""torchreid's image engines, with its names and arguments."""

from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from videoreid.losses import SoftmaxCriterion, TripletCriterion
from videoreid.torchreid.engine.engine import Engine
from videoreid.torchreid.losses import CrossEntropyLoss, TripletLoss

__all__ = ["ImageSoftmaxEngine", "ImageTripletEngine"]


class ImageSoftmaxEngine(Engine):
    """Cross-entropy on images, which are clips of one frame here.

    A subclass may override `forward_backward`, with ``criterion(logits, pids)``.

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
        super().__init__(datamanager, use_gpu)
        self.register_model("model", model, optimizer, scheduler)
        self.criterion = _cross_entropy(datamanager, label_smooth)
        self.training_criterion = SoftmaxCriterion(self.criterion.eps)


class ImageTripletEngine(Engine):
    """Batch-hard triplet loss and cross-entropy on images, which are clips of one frame here.

    A subclass may override `forward_backward`, with ``criterion_t(features, pids)`` and ``criterion_x(logits, pids)``.

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
        super().__init__(datamanager, use_gpu)
        self.register_model("model", model, optimizer, scheduler)
        self.weight_t, self.weight_x = weight_t, weight_x
        self.criterion_t = TripletLoss(margin)
        self.criterion_x = _cross_entropy(datamanager, label_smooth)
        self.training_criterion = TripletCriterion(
            margin,
            label_smoothing=self.criterion_x.eps,
            softmax_weight=weight_x,
            triplet_weight=weight_t,
        )


def _cross_entropy(datamanager: Any, label_smooth: bool) -> CrossEntropyLoss:  # noqa: FBT001 - torchreid's
    return CrossEntropyLoss(getattr(datamanager, "num_train_pids", 0), label_smooth=label_smooth)
