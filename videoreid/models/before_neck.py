"""Wrapper that returns the features before the BN neck as the embedding."""

from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel

__all__ = ["BeforeNeck"]

_NECKS = ("neck", "necks", "bottleneck")


class BeforeNeck(nn.Module):
    """Use the features before the batch-normalisation neck as the embedding; the network is not changed.

    Papers differ: AP3D, SINet and the bag of tricks rank by features after the neck, most transformers by features
    before it. The two differ by one or two points of mAP, so the protocol line should state the choice. For a network
    with several necks, the inputs of all necks on the way to its embedding are concatenated.

    Args:
        model: a network with a child called neck, necks or bottleneck.

    Raises:
        ConfigError: the network has no neck; (in forward) train mode, or the embedding does not pass a neck.

    Example:
        >>> from videoreid.models import build_model
        >>> model = build_model("ap3d_resnet50", backbone="resnet18_half")
        >>> BeforeNeck(model).eval()(torch.rand(1, 2, 3, 64, 32)).shape
        torch.Size([1, 256])
    """

    def __init__(self, model: ReIDModel) -> None:
        super().__init__()
        found = [name for name, _ in model.named_children() if name in _NECKS]
        if not found:
            children = ", ".join(name for name, _ in model.named_children())
            raise ConfigError(f"{type(model).__name__} has no neck to embed before; it has: {children}")
        self.model = model
        self.pixel_mean, self.pixel_std = model.pixel_mean, model.pixel_std
        self.uses_cameras, self.frames, self.input_size = model.uses_cameras, model.frames, model.input_size
        self._necks = [
            module
            for name in found
            for module in model.get_submodule(name).modules()
            if isinstance(module, nn.BatchNorm1d)
        ]

    def forward(self, frames: Tensor, *cameras: Tensor) -> Tensor:
        """Return the inputs of the neck, ``(B, D)``, for clips ``(B, T, 3, H, W)``."""
        if self.training:
            raise ConfigError(
                "BeforeNeck embeds in eval mode: call .eval() first, and train the network itself"
            )
        entered: dict[int, Tensor] = {}
        numbers: dict[nn.Module, int] = {neck: number for number, neck in enumerate(self._necks)}

        def watch(neck: nn.Module, inputs: tuple[Any, ...]) -> None:
            entered[numbers[neck]] = inputs[0]

        handles = [neck.register_forward_pre_hook(watch) for neck in self._necks]
        try:
            self.model(frames, *cameras)
        finally:
            for handle in handles:
                handle.remove()
        if not entered:
            raise ConfigError(f"the embedding of {type(self.model).__name__} passes no neck")
        return torch.cat([entered[index].flatten(1) for index in sorted(entered)], 1)
