"""Outputs of layers in one layout: a map per frame, ``(B, T, C, h, w)``."""

import math

import torch
from torch import Tensor

from videoreid.errors import ConfigError

__all__ = ["Shape", "as_frame_maps", "first_tensor", "join_calls", "keeps_frames", "resized", "token_grid"]

_MAX_EXTRA_TOKENS = 8
Shape = tuple[int, int, int, int]
"""Clips, frames, height and width of the network's input."""


def first_tensor(output: object) -> Tensor | None:
    """Return the tensor, of any shape ``(...)``, that a layer returned, or the first of several."""
    if isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None


def as_frame_maps(output: Tensor, shape: Shape, grid: tuple[int, int] | None = None) -> Tensor | None:
    """Return a layer's output as ``(B, T', C, h, w)``, a view of it; None if it holds no map.

    Supported are maps of frames ``(B * T', C, h, w)``, also with channels last; maps of clips ``(B, T', C, h, w)`` and
    ``(B, C, T', h, w)``; tokens ``(B * T', N, C)`` of a transformer, the patches last. T' differs from T if a network
    pools over time or runs a layer more than once.

    Args:
        output: of the layer.
        shape: of the network's input.
        grid: (rows, columns) of the patches, if tokens are expected.
    """
    clips, frames, height, width = shape
    if output.ndim == 5 and output.shape[0] == clips:
        first, second = output.shape[1:3]
        channels_first = second == frames if (first == frames) != (second == frames) else second < first
        return output.transpose(1, 2) if channels_first else output
    if not output.shape or output.shape[0] % clips or not output.shape[0]:
        return None
    if output.ndim == 4:
        wanted = math.log(height / width)
        usual = abs(math.log(output.shape[2] / output.shape[3]) - wanted)
        channels_last = abs(math.log(output.shape[1] / output.shape[2]) - wanted)
        maps = output.permute(0, 3, 1, 2) if channels_last < usual else output
        return maps.unflatten(0, (clips, -1))
    if output.ndim == 3:
        found = token_grid(output.shape[1], (height, width), grid)
        if found is None:
            return None
        patches = output[:, output.shape[1] - found[0] * found[1] :]
        return patches.unflatten(1, found).permute(0, 3, 1, 2).unflatten(0, (clips, -1))
    return None


def token_grid(
    tokens: int, size: tuple[int, int], grid: tuple[int, int] | None = None
) -> tuple[int, int] | None:
    """Return (rows, columns) of the patches among the tokens of an image; None if no grid fits.

    Args:
        tokens: number of tokens of the image, including those that are no patches.
        size: (height, width) of the image.
        grid: (rows, columns) that the network states. If it states none, or gets another size than it was built for,
            square patches are assumed.
    """
    if grid is not None and 0 <= tokens - grid[0] * grid[1] <= _MAX_EXTRA_TOKENS:
        return grid
    for extra in range(_MAX_EXTRA_TOKENS + 1):
        columns = round(math.sqrt(max(tokens - extra, 1) * size[1] / size[0]))
        rows = round(columns * size[0] / size[1])
        if rows * columns > 1 and rows * columns == tokens - extra:
            return rows, columns
    return None


def keeps_frames(maps: Tensor | None, shape: Shape) -> bool:
    """Return whether maps ``(B, T', C, h, w)`` are one per frame, with several positions and channels."""
    return (
        maps is not None
        and maps.shape[1] == shape[1]
        and maps.shape[2] > 1
        and maps.shape[3] * maps.shape[4] > 1
    )


def join_calls(calls: list[Tensor], frames: int, order: list[int] | None, layer: str) -> Tensor:
    """Return values ``(B, T, h, w)`` from the values ``(B, T', h', w')`` of one or more calls of a layer.

    Args:
        calls: in the order of the calls.
        frames: T.
        order: the frame of each map, if that is not the order of the calls.
        layer: its name, for the message.

    Raises:
        ConfigError: the maps of several calls cannot be assigned to frames.
    """
    size = calls[0].shape[-2:]
    sized = [resized(call, (size[0], size[1])) for call in calls]
    joined = torch.cat(sized, dim=1)
    if joined.shape[1] == frames:
        if order is not None:
            joined = joined[:, torch.argsort(torch.tensor(order, device=joined.device))]
        return joined
    if len(calls) > 1:
        raise ConfigError(
            f"layer {layer!r} ran {len(calls)} times and gave {joined.shape[1]} maps for {frames} frames: name a layer "
            "that runs once for each clip or each frame"
        )
    # pooled over time: a map stands for the frames that it was pooled from
    places = torch.arange(frames, device=joined.device) * joined.shape[1] // frames
    return joined[:, places]


def resized(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Return values ``(B, T, h, w)`` at another size, bilinear."""
    if tuple(values.shape[-2:]) == size:
        return values
    return torch.nn.functional.interpolate(values, size=size, mode="bilinear", align_corners=False)
