"""The optimiser of class centres, with the published rescaling of their gradient."""

from collections.abc import Iterable
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from videoreid.errors import ConfigError

__all__ = ["build_center_optimizer"]


def build_center_optimizer(
    centers: Iterable[Parameter], lr: float = 0.5, *, loss_weight: float = 5e-4
) -> Optimizer:
    """Return plain SGD for the centres of a centre loss.

    Before each step the gradient is divided by ``loss_weight``, so the centres move as if the centre loss had weight 1.
    Gradients of other terms that reach the centres (OSM + CAA) are divided too, as published.

    Args:
        centers: ``criterion.parameters()``.
        lr: learning rate; with 0.5 a centre with n embeddings in a batch of B moves by ``n / B`` of its distance to the
            mean of these embeddings.
        loss_weight: weight of the centre loss in the total loss, greater than 0.

    Raises:
        ConfigError: a weight of 0 or less, or no centres.

    Reference:
        Luo et al., Bag of Tricks and a Strong Baseline for Deep Person Re-identification, CVPRW 2019, "Center Loss".
    """
    parameters = list(centers)
    if loss_weight <= 0 or not parameters:
        raise ConfigError(
            f"needs centres and a loss_weight above 0, got {len(parameters)} and {loss_weight}; a criterion without a "
            "centre loss needs no second optimiser"
        )
    optimizer = torch.optim.SGD(parameters, lr=lr)

    def rescale(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.mul_(1.0 / loss_weight)

    optimizer.register_step_pre_hook(rescale)
    return optimizer
