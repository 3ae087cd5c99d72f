"""Selection of the layer whose maps are shown."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.running import run_model
from videoreid.utils.wrappers import unwrap_model
from videoreid.visual.activation.layouts import Shape, as_frame_maps, first_tensor, keeps_frames, token_grid

__all__ = ["find_layer", "grid_of", "named_layer"]

_BEFORE_ATTENTION = ("norm1", "ln_1")
"""Names of the norms before self-attention; from there, patches still reach the class token."""


def named_layer(network: nn.Module, name: str) -> nn.Module:
    """Return a layer by its dotted name.

    Raises:
        ConfigError: no layer has this name.
    """
    try:
        return network.get_submodule(name)
    except AttributeError:
        known = ", ".join(child for child, _ in network.named_children())
        raise ConfigError(f"the network has no layer {name!r}; its first level has: {known}") from None


def grid_of(network: nn.Module, name: str) -> tuple[int, int] | None:
    """Return (rows, columns) of the patches of a layer, from the nearest module around it; None if unknown."""
    parts = name.split(".") if name else []
    for end in range(len(parts), -1, -1):
        module = network.get_submodule(".".join(parts[:end]))
        patches = getattr(module, "patch_embed", None)
        for grid in (getattr(module, "grid", None), getattr(patches, "grid_size", None)):
            if isinstance(grid, tuple | list) and len(grid) == 2:
                return int(grid[0]), int(grid[1])
    return None


def find_layer(model: nn.Module, frames: Tensor, camids: Tensor | None) -> str:
    """Return the name of the last layer that holds a map of every frame.

    A network of the zoo may declare it (`ReIDModel.map_layer`). For other networks it is found by running one clip: in
    a transformer, the norm before the last self-attention over patches, because later patches do not reach the class
    token; otherwise the last layer with a map per frame.

    Args:
        model: in eval mode; may be wrapped.
        frames: ``(1, T, 3, H, W)`` on the model's device.
        camids: ``(1,)``.

    Raises:
        ConfigError: no layer has a map of every frame.
    """
    network = unwrap_model(model)
    declared = getattr(network, "map_layer", "")
    if declared:
        return str(declared)
    shape = (frames.shape[0], frames.shape[1], frames.shape[3], frames.shape[4])
    found: list[str] = []
    before_attention: list[str] = []

    def watch(name: str, output: object) -> None:
        tensor = first_tensor(output)
        if tensor is None:
            return
        tokens = tensor.ndim == 3
        if not keeps_frames(as_frame_maps(tensor, shape, grid_of(network, name) if tokens else None), shape):
            return
        if not tokens:
            found.append(name)
        elif name.rpartition(".")[2] in _BEFORE_ATTENTION and _of_frames(tensor, shape):
            before_attention.append(name)

    with torch.no_grad(), ExitStack() as hooks:
        for name, module in network.named_modules():
            handle = module.register_forward_hook(_teller(watch, name))
            hooks.callback(handle.remove)
        run_model(model, frames, camids)
    if not found and not before_attention:
        raise ConfigError(
            f"no layer of {type(network).__name__} gives a map of every frame at {shape[2]} x {shape[3]} pixels: name "
            "one with layer=, or take larger frames"
        )
    return (before_attention or found)[-1]


def _of_frames(tokens: Tensor, shape: Shape) -> bool:
    """Return whether tokens are those of patches, not vectors of frames ``(B, T, D)``."""
    return tokens.shape[0] == shape[0] * shape[1] and token_grid(tokens.shape[1], shape[2:]) is not None


def _teller(watch: Callable[[str, object], None], name: str) -> Callable[..., None]:
    def tell(module: nn.Module, inputs: tuple[Any, ...], output: object) -> None:
        watch(name, output)

    return tell
