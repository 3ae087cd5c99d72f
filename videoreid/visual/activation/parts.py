"""Part networks, which pool a map in horizontal stripes: bounds, maps and scores of the stripes."""

import itertools

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.visual.activation.layouts import resized
from videoreid.visual.activation.methods import scaled

__all__ = ["count_parts", "part_scores", "scaled_by_part", "stripe_bounds"]


def count_parts(network: nn.Module) -> int:
    """Return the number of stripes of a part network.

    Raises:
        ConfigError: the network does not pool in parts.
    """
    parts = getattr(network, "parts", None)
    if not isinstance(parts, int):
        raise ConfigError(
            f"{type(network).__name__} does not pool in parts; the method 'parts' is for pcb_p4, pcb_p6 and pcb_streid"
        )
    return parts


def stripe_bounds(height: int, parts: int) -> list[tuple[int, int]]:
    """Return the first row and the row after the last of each stripe; the stripes are disjoint and cover all rows."""
    edges = [round(part * height / parts) for part in range(parts + 1)]
    return list(itertools.pairwise(edges))


def scaled_by_part(network: nn.Module, values: Tensor, size: tuple[int, int]) -> Tensor:
    """Return values ``(B, T, h, w)`` as maps ``(B, T, H, W)`` in 0..1, each stripe of each frame scaled alone.

    A part network gives every stripe the same weight, so the strengths of different stripes cannot be compared.
    """
    bounds = stripe_bounds(size[0], count_parts(network))
    large = resized(values.float(), size)
    return torch.cat([scaled(large[:, :, start:end], over=(2, 3)) for start, end in bounds], dim=2)


def part_scores(network: nn.Module, embedding: Tensor, reference: Tensor) -> Tensor:
    """Return the share ``(B, P)`` of each part in the cosine of embeddings ``(B, D)``; they add up to it.

    Args:
        network: its embeddings hold the parts of one channel next to each other.
        embedding: of the clips.
        reference: unit vectors ``(B, D)`` or ``(1, D)``.
    """
    unit = nn.functional.normalize(embedding, dim=1)
    return (unit * reference).unflatten(1, (-1, count_parts(network))).sum(1)
