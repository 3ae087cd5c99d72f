"""The optimiser of class centres, with the published rescale of their gradient."""

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

    Before each step the gradient is divided by the weight that the centre loss has in the total, so that the
    centres move as if it were 1. Whatever else reaches the centres (OSM + CAA) is scaled with it, as published.

    Args:
        centers: ``criterion.parameters()``.
        lr: learning rate; 0.5 moves a centre by ``n_k / B`` of its gap to the mean of its batch.
        loss_weight: weight of the centre loss, above 0.

    Raises:
        ConfigError: a weight of 0 or less, or no centres.

    Reference:
        Luo et al., Bag of Tricks and a Strong Baseline for Deep Person Re-identification, CVPRW 2019, section 2.6.
    """
    parameters = list(centers)
    if loss_weight <= 0 or not parameters:
        raise ConfigError(
            f"needs centres and a loss_weight above 0, got {len(parameters)} and {loss_weight}; a criterion without a "
            "centre term needs no optimiser of its own"
        )
    optimizer = torch.optim.SGD(parameters, lr=lr)

    def rescale(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad.mul_(1.0 / loss_weight)

    optimizer.register_step_pre_hook(rescale)
    return optimizer
