"""Build the trunk of a video network by name."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.factory import build_model
from videoreid.models.frame_network import FrameNetwork
from videoreid.models.layers.resnet_trunk import RESNET_DEPTHS, ResNetTrunk

__all__ = ["FrameTrunk", "build_backbone"]


class FrameTrunk(nn.Module):
    """The trunk of an image network of the zoo, run on every frame of a clip.

    Child modules that do not contribute to the feature maps are removed. The others keep their published names after
    ``network.``.

    Args:
        network: the image network.

    Raises:
        ConfigError: the network has no maps ``(N, C, h, w)`` (plain transformers have tokens).
    """

    def __init__(self, network: FrameNetwork) -> None:
        super().__init__()
        self.network = network.eval()
        maps = self._drop_unused()
        if maps.ndim != 4:
            raise ConfigError(
                f"{type(network).__name__} returns {tuple(maps.shape)}, not maps (N, C, h, w): it cannot be a backbone"
            )
        self.network.train()
        self.out_channels = maps.shape[1]

    def _drop_unused(self) -> Tensor:
        """Run one image, delete the child modules that did not run, and return the maps ``(1, C, h, w)``."""
        used: set[nn.Module] = set()
        hooks = [
            module.register_forward_pre_hook(lambda module, _: used.add(module))
            for module in self.network.modules()
        ]
        try:
            with torch.no_grad():
                maps = self.network.feature_maps(torch.zeros(1, 3, *self.network.input_size))
        finally:
            for hook in hooks:
                hook.remove()
        for name, child in list(self.network.named_children()):
            if used.isdisjoint(child.modules()):
                delattr(self.network, name)
        return maps

    def map_size(self, height: int, width: int) -> tuple[int, int]:
        """Return (height, width) of the maps of frames of this size; it runs one frame."""
        training, device = self.network.training, next(self.parameters()).device
        with torch.no_grad():
            maps = self.network.eval().feature_maps(torch.zeros(1, 3, height, width, device=device))
        self.network.train(training)
        return maps.shape[2], maps.shape[3]

    def forward(self, frames: Tensor) -> Tensor:
        """Return maps ``(B, T, C, h, w)`` of clips ``(B, T, 3, H, W)``."""
        return self.network.feature_maps(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])


def build_backbone(
    name: str,
    *,
    last_stride: int = 1,
    stem_relu: bool = True,
    inserts: Mapping[int, tuple[int, Callable[[int], nn.Module]]] | None = None,
    **options: Any,
) -> ResNetTrunk | FrameTrunk:
    """Build the trunk of a video network, with random weights.

    Args:
        name: a torchvision ResNet ("resnet50", or "resnet18_half"), an image network of the zoo ("osnet_x0_25"), or
            ``timm:`` and the name of a timm network with feature maps.
        last_stride: stride of the last stage of a ResNet; ignored for other networks.
        stem_relu: see `ResNetTrunk`; only for ResNets.
        inserts: see `ResNetTrunk`; only for ResNets.
        **options: options of an image network, see its page.

    Returns:
        A module that maps clips ``(B, T, 3, H, W)`` to feature maps ``(B, T, C, h, w)``; its ``out_channels`` is C.

    Raises:
        UnknownNameError: unknown network; the message suggests the nearest name.
        ConfigError: the network has no feature maps, or an option does not exist.
    """
    if name in RESNET_DEPTHS:
        if options:
            raise ConfigError(f"{name} as a backbone takes no option {min(options)!r}")
        return ResNetTrunk(name, last_stride=last_stride, stem_relu=stem_relu, inserts=inserts)
    if inserts or not stem_relu:
        raise ConfigError(
            "this network has modules between the stages of a ResNet: its backbone must be one of "
            f"{', '.join(RESNET_DEPTHS)}, not {name!r}"
        )
    network = build_model(name, **options)
    if not isinstance(network, FrameNetwork):
        raise ConfigError(
            f"{name} takes whole clips; a backbone must be an image network such as osnet_x1_0, or one of "
            f"{', '.join(RESNET_DEPTHS)}"
        )
    return FrameTrunk(network)
