"""Training recipes of parsers: the published one, those of the study, and improved ones."""

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
    """All settings of a training run except data, network and device.

    Args:
        transform: augmentation, which includes the input size.
        batch_size: pictures per update.
        steps: number of updates.
        lr: initial learning rate, which `poly_schedule` decreases.
        optimizer: "sgd" (momentum 0.9) or "adamw".
        weight_decay: weight decay of all parameters.
        power: power of the polynomial schedule.
        ema_decay: decay of the moving average of the weights; None keeps no average.
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
        """Return the optimiser of the trainable parameters."""
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if self.optimizer == "adamw":
            return torch.optim.AdamW(parameters, lr=self.lr, weight_decay=self.weight_decay)
        return torch.optim.SGD(parameters, lr=self.lr, momentum=0.9, weight_decay=self.weight_decay)

    def build_scheduler(self, optimizer: Optimizer) -> LambdaLR:
        """Return the schedule, stepped once per update (``TrainSettings(schedule="step")``)."""
        return poly_schedule(optimizer, self.steps, power=self.power)

    def epochs(self, batches: int) -> int:
        """Return the number of epochs of ``batches`` batches that contain all steps."""
        return -(-self.steps // batches)


def poly_schedule(optimizer: Optimizer, steps: int, *, power: float = 0.9) -> LambdaLR:
    """Return a schedule ``(1 - step / steps) ** power``, stepped once per update.

    Args:
        optimizer: the optimiser.
        steps: number of updates; the learning rate is 0 after them.
        power: power of the polynomial.

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
"""Recipes by name.

"ce2p" is the published training (four processes of 24 pictures). "study_384x128" and "study_473x473" have the settings
that the study states. "repaired" mirrors with swapped sides, uses inputs of 2:1, the aspect ratio of re-identification
crops (3:1 makes people tiny or squashed), and keeps a moving average of the weights; it has not been run on LIP.
"two_cores" trains a small parser on the synthetic world.
"""
