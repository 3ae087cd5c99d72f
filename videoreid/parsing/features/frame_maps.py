"""Feature maps of image networks."""

import torch
from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.models import ReIDModel

__all__ = ["frame_maps", "map_channels"]


def frame_maps(model: ReIDModel, images: Tensor) -> Tensor:
    """Return the last maps ``(N, D, h, w)`` of images ``(N, 3, H, W)``, before pooling."""
    maps: Tensor = model.feature_maps(images)  # type: ignore[operator]  # networks without were refused
    return maps


@torch.no_grad()
def map_channels(model: ReIDModel) -> int:
    """Return the channels D of the last maps of a network, found by a pass over an empty picture.

    Raises:
        ConfigError: the network has no ``feature_maps``; image networks of the library have it.
    """
    if not callable(getattr(model, "feature_maps", None)):
        raise ConfigError(
            f"{type(model).__name__} has no feature_maps(images): take an image network of the zoo (osnet, resnet, ...)"
        )
    was_training = model.training
    model.eval()  # otherwise running statistics would change
    try:
        parameter = next(model.parameters())
        return frame_maps(model, parameter.new_zeros(1, 3, *model.input_size)).shape[1]
    finally:
        model.train(was_training)
