"""Settings of a training run: as published, as in the study, and repaired."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from videoreid.errors import ConfigError
from videoreid.parsing.transforms import ParsingTransform

__all__ = ["RECIPES", "ParsingRecipe", "poly_schedule"]


@dataclass(frozen=True, kw_only=True)
class ParsingRecipe:
    """Everything about a run but the data, the network and the device.

    Args:
        transform: augmentation, and with it the size of the input.
        batch_size: pictures of an update.
        steps: updates in all.
        lr: at the start; it falls by the polynomial of `poly_schedule`.
        optimizer: "sgd" (momentum 0.9) or "adamw".
        weight_decay: on all parameters.
        power: of the polynomial.
        ema_decay: of the moving average of the weights; None keeps none.
    """

    transform: ParsingTransform
    batch_size: int
    steps: int
    lr: float = 1e-3
    optimizer: Literal["sgd", "adamw"] = "sgd"
    weight_decay: float = 5e-4
    power: float = 0.9
    ema_decay: float | None = None

    def build_optimizer(self, model: nn.Module) -> Optimizer:
        """Return the optimiser over the parameters that train."""
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if self.optimizer == "adamw":
            return torch.optim.AdamW(parameters, lr=self.lr, weight_decay=self.weight_decay)
        return torch.optim.SGD(parameters, lr=self.lr, momentum=0.9, weight_decay=self.weight_decay)

    def build_scheduler(self, optimizer: Optimizer) -> LambdaLR:
        """Return the schedule, stepped once an update (``TrainSettings(schedule="step")``)."""
        return poly_schedule(optimizer, self.steps, power=self.power)

    def epochs(self, batches: int) -> int:
        """Return how many epochs of so many batches hold all the steps."""
        return -(-self.steps // batches)


def poly_schedule(optimizer: Optimizer, steps: int, *, power: float = 0.9) -> LambdaLR:
    """Return a schedule ``(1 - step / steps) ** power``, stepped once an update.

    Args:
        optimizer: whose rates are scaled.
        steps: updates in all; the rate is 0 after them.
        power: of the polynomial.

    Raises:
        ConfigError: fewer than one step.

    Reference:
        Chen et al., DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully
        Connected CRFs, 2016, https://arxiv.org/abs/1606.00915
    """
    if steps < 1:
        raise ConfigError(f"steps must be 1 or more, got {steps}")
    return LambdaLR(optimizer, lambda step: max(0.0, 1.0 - step / steps) ** power)


def _unmirrored(size: tuple[int, int]) -> ParsingTransform:
    return ParsingTransform(size=size, mirror_probability=0.0)


RECIPES: dict[str, ParsingRecipe] = {
    "ce2p": ParsingRecipe(transform=ParsingTransform(size=(384, 384)), batch_size=96, steps=47_700),
    "study_384x128": ParsingRecipe(transform=_unmirrored((384, 128)), batch_size=20, steps=230_000),
    "study_473x473": ParsingRecipe(transform=_unmirrored((473, 473)), batch_size=20, steps=230_000),
    "repaired": ParsingRecipe(
        transform=ParsingTransform(size=(384, 192), brightness=0.3),
        batch_size=20,
        steps=60_000,
        lr=7e-3,
        ema_decay=0.9998,
    ),
    "two_cores": ParsingRecipe(
        transform=ParsingTransform(
            size=(128, 64),
            scale=0.1,
            scale_range=(0.85, 1.15),
            rotation=5.0,
            rotation_limit=10.0,
            brightness=0.3,
        ),
        batch_size=16,
        steps=1_200,
        lr=2e-3,
        optimizer="adamw",
        weight_decay=1e-2,
        ema_decay=0.99,
    ),
}
"""Runs by name.

"ce2p" is the published training (four processes of 24), the two of the "study" are what it says of itself. "repaired"
mirrors with swapped sides, shows people at 2:1, the aspect of re-identification, where 3:1 left them tiny or squashed,
and keeps a moving average; it has not been run on LIP. "two_cores" trains a small parser on the embedded world.
"""
