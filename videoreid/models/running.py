"""One way to run any network on frames: ours, a wrapped one, or one that other people wrote."""

from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD, normalise_frames
from videoreid.models.base import ReIDModel
from videoreid.utils.wrappers import unwrap_model

__all__ = ["run_model", "uses_cameras"]


def run_model(model: nn.Module, frames: Tensor, camids: Tensor | None = None) -> Any:
    """Run a network on frames, as it wants them.

    A `ReIDModel` normalises for itself. For any other module, its attributes ``pixel_mean`` and ``pixel_std`` say how
    uint8 frames are normalised (ImageNet's numbers without them), and ``uses_cameras`` whether it is given cameras.

    Args:
        model: the network, or a wrapper around it, which is what runs.
        frames: ``(B, T, 3, H, W)`` on the model's device; uint8 RGB in 0..255, or float that is normalised already.
        camids: ``(B,)`` int64 on the same device, -1 where unknown.

    Returns:
        What the model returns.

    Raises:
        ConfigError: uint8 frames for a traced or scripted network that does not say how to normalise them.
    """
    network = unwrap_model(model)
    cameras = (camids,) if camids is not None and uses_cameras(model) else ()
    if isinstance(network, ReIDModel):
        return model(frames, *cameras)
    if (
        isinstance(network, torch.jit.ScriptModule)
        and frames.dtype == torch.uint8
        and not hasattr(network, "pixel_mean")
    ):
        raise ConfigError(
            "tracing and scripting lose the normalisation of a network: set traced.pixel_mean = model.pixel_mean and "
            "traced.pixel_std = model.pixel_std"
        )
    mean = getattr(network, "pixel_mean", IMAGENET_MEAN)
    std = getattr(network, "pixel_std", IMAGENET_STD)
    return model(normalise_frames(frames, mean, std, dtype=_dtype_of(network)), *cameras)


def uses_cameras(model: nn.Module) -> bool:
    """Tell whether the network inside a wrapper is given camera numbers."""
    return bool(getattr(unwrap_model(model), "uses_cameras", False))


def _dtype_of(network: nn.Module) -> torch.dtype:
    floating = (parameter.dtype for parameter in network.parameters() if parameter.is_floating_point())
    return next(floating, torch.float32)
