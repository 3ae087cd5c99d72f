"""The cost of a network: parameters, and floating-point operations per clip."""

import copy

import torch
from torch.utils.flop_counter import FlopCounterMode

from videoreid.models.base import ReIDModel

__all__ = ["count_parameters", "flops_per_clip"]


def count_parameters(model: ReIDModel, *, trainable_only: bool = False) -> int:
    """Count the parameters, classifiers included.

    Args:
        model: any network.
        trainable_only: leave out frozen parameters.
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def flops_per_clip(
    model: ReIDModel, *, frames: int | None = None, input_size: tuple[int, int] | None = None
) -> int:
    """Count the floating-point operations of one clip in eval mode: two per multiply-add.

    Convolutions, matrix products and attention are counted; normalisation and activations are not. A copy of the
    network runs on PyTorch's meta device, without computing any values.

    Args:
        model: any network; it is not changed.
        frames: clip length T; by default the length that the network requires, else 4.
        input_size: (height, width) in pixels; by default that of the network.
    """
    height, width = input_size or model.input_size
    length = frames or model.frames or 4
    shadow = copy.deepcopy(model).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(torch.empty(1, length, 3, height, width, device="meta"))
    return counter.get_total_flops()
