"""Run any network on frames: a `ReIDModel`, a wrapped network or another module."""

from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD, normalise_frames
from videoreid.models.base import ReIDModel
from videoreid.utils.wrappers import unwrap_model

__all__ = ["run_model", "uses_cameras"]


def run_model(model: nn.Module, frames: Tensor, camids: Tensor | None = None) -> Any:
    """Run a network on frames, with its pixel normalisation and, if it uses them, cameras.

    A `ReIDModel` normalises uint8 frames itself. For any other module they are normalised here with its attributes
    ``pixel_mean`` and ``pixel_std`` (by default ImageNet's values), and it gets cameras if its attribute
    ``uses_cameras`` is true.

    Args:
        model: the network, or a wrapper around it; a wrapper is called, not the network inside.
        frames: ``(B, T, 3, H, W)`` on the model's device; uint8 RGB in 0..255, or float that is already normalised.
        camids: ``(B,)`` int64 on the same device, -1 for unknown cameras.

    Returns:
        The output of the model.

    Raises:
        ConfigError: uint8 frames for a traced or scripted network without the attribute ``pixel_mean``.
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
            "a traced or scripted network has no normalisation: set traced.pixel_mean = model.pixel_mean and "
            "traced.pixel_std = model.pixel_std"
        )
    mean = getattr(network, "pixel_mean", IMAGENET_MEAN)
    std = getattr(network, "pixel_std", IMAGENET_STD)
    return model(normalise_frames(frames, mean, std, dtype=_dtype_of(network)), *cameras)


def uses_cameras(model: nn.Module) -> bool:
    """Return whether the network (inside a wrapper) takes camera numbers."""
    return bool(getattr(unwrap_model(model), "uses_cameras", False))


def _dtype_of(network: nn.Module) -> torch.dtype:
    floating = (parameter.dtype for parameter in network.parameters() if parameter.is_floating_point())
    return next(floating, torch.float32)
