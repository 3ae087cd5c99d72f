"""Edge targets from label maps: the pixels between two parts."""

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.parsing.tables import IGNORE

__all__ = ["edge_targets"]


def edge_targets(labels: Tensor, width: int = 3) -> Tensor:
    """Mark the edges between the classes of label maps, on their device.

    Of two neighbours with different labels one is marked: the lower one of a vertical pair, the left one of a
    horizontal pair, the upper one of a diagonal pair. The marks are then widened. An ignored neighbour makes no edge.

    Args:
        labels: ``(B, H, W)`` integers; 255 is ignored.
        width: width of the edges in pixels, odd; 1 does not widen them.

    Returns:
        ``(B, H, W)`` int64: 1 on an edge, else 0, also where labels are ignored.

    Raises:
        ConfigError: another shape or type, or an even width.

    Reference:
        Ruan et al., Devil in the Details: Towards Accurate Single and Multiple Human Parsing, AAAI 2019.
    """
    if labels.ndim != 3 or labels.is_floating_point():
        raise ConfigError(f"expected integer labels (B, H, W), got {labels.dtype} {tuple(labels.shape)}")
    if width < 1 or width % 2 == 0:
        raise ConfigError(f"width must be odd and 1 or more, got {width}")
    edges = torch.zeros(labels.shape, dtype=torch.float32, device=labels.device)
    edges[:, 1:] += _differ(labels[:, 1:], labels[:, :-1])
    edges[:, :, :-1] += _differ(labels[:, :, :-1], labels[:, :, 1:])
    edges[:, :-1, :-1] += _differ(labels[:, :-1, :-1], labels[:, 1:, 1:])
    edges[:, :-1, 1:] += _differ(labels[:, :-1, 1:], labels[:, 1:, :-1])
    wide = F.max_pool2d(edges.unsqueeze(1), width, stride=1, padding=width // 2)
    return (wide.squeeze(1) > 0).long()


def _differ(labels: Tensor, neighbours: Tensor) -> Tensor:
    return (labels != neighbours) & (labels != IGNORE) & (neighbours != IGNORE)
