"""Methods of torchreid's `Engine` that subclasses call and override: training step, loss, features, batches."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.freezing import open_all_layers, open_specified_layers
from videoreid.torchreid.engine.registered import RegisteredModels
from videoreid.torchreid.losses import DeepSupervision

__all__ = ["TrainingSteps"]


class TrainingSteps(RegisteredModels):
    """Methods of `Engine` for one batch.

    Args:
        datamanager: has ``train_loader`` and ``test_loader``.
        use_gpu: use CUDA where there is one.

    Attributes:
        use_gpu: whether CUDA is used.
        device: where batches and networks are.
        epoch: 0-based number of the current epoch.
        max_epoch: number of epochs.
        batch_idx: 0-based number of the batch in its epoch.
        num_batches: batches of an epoch.
        writer: None; see the page of loggers for TensorBoard.
    """

    def __init__(self, datamanager: Any, use_gpu: bool = True) -> None:  # noqa: FBT001, FBT002 - torchreid's
        super().__init__()
        self.datamanager = datamanager
        self.train_loader = datamanager.train_loader
        self.test_loader = datamanager.test_loader
        self.use_gpu = use_gpu and torch.cuda.is_available()
        self.device = torch.device("cuda" if self.use_gpu else "cpu")
        self.epoch = self.max_epoch = self.batch_idx = self.num_batches = 0
        self.writer: Any = None

    def forward_backward(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Train on one batch: forward, backward, step of the optimiser. Override this.

        Networks in train mode return what torchreid's do here: logits, or ``(logits, features)`` where they were built
        with ``loss="triplet"``.

        Args:
            data: ``img`` float32, normalised, ``(B, 3, H, W)`` of images and ``(B, T, 3, H, W)`` of videos; ``pid`` and
                ``camid`` ``(B,)`` int64; ``impath``, paths; ``dsetid`` ``(B,)`` int64. All on `device`.

        Returns:
            Numbers by name, for the log. The total loss is ``loss``; without it, the sum of all numbers whose name does
            not begin with ``acc``.

        Raises:
            ConfigError: it is not overridden.
        """
        del data
        raise ConfigError(
            f"{type(self).__name__} has no forward_backward: write forward_backward(self, data), which trains on a "
            "batch and returns {'loss': loss.item()}"
        )

    def compute_loss(
        self,
        criterion: Callable[[Tensor, Tensor], Tensor],
        outputs: Tensor | Sequence[Tensor],
        targets: Tensor,
    ) -> Tensor:
        """Return the loss of one head, or the mean over several.

        Args:
            criterion: ``(head, labels) -> scalar``.
            outputs: a head ``(B, ...)``, or a sequence of them.
            targets: ``(B,)`` labels.
        """
        if isinstance(outputs, Tensor):
            return criterion(outputs, targets)
        return DeepSupervision(criterion, outputs, targets)

    def extract_features(self, input: Tensor) -> Tensor:
        """Return the features ``(B, D)`` of a batch of a test loader; networks are in eval mode.

        Args:
            input: the first value that `parse_data_for_eval` returned.
        """
        model = self._scored()
        features: Tensor = model(input)
        return features

    def parse_data_for_train(self, data: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        """Return frames and labels of a training batch, as in ``data``."""
        return data["img"], data["pid"]

    def parse_data_for_eval(self, data: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Return frames, pids and cameras of a test batch; scoring reads pids and cameras from the dataset."""
        return data["img"], data["pid"], data["camid"]

    def two_stepped_transfer_learning(
        self,
        epoch: int,
        fixbase_epoch: int,
        open_layers: str | Sequence[str] | None,
        model: nn.Module | None = None,
    ) -> None:
        """Train some layers only in the first epochs, then all; `run` calls this before each epoch.

        Args:
            epoch: 0-based.
            fixbase_epoch: epochs in which only ``open_layers`` train.
            open_layers: names of direct children of the networks; None or empty opens all.
            model: one network; None for all that are registered.
        """
        for network in [model] if model is not None else self._models.values():
            if epoch < fixbase_epoch and open_layers:
                open_specified_layers(network, open_layers)
            else:
                open_all_layers(network)

    def _scored(self) -> nn.Module:
        if self.model is None:
            raise ConfigError(
                f"{type(self).__name__} has no network: call self.register_model('model', model, optimizer, scheduler) "
                "in __init__"
            )
        return self.model

    def _gives_images(self) -> bool:
        return getattr(self.datamanager, "data_type", "video") == "image"
