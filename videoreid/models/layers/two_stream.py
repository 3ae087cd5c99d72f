"""The modules of BiCnet-TKS, which has a stream of detail frames and a stream of half-size context frames."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool3d, interpolate

__all__ = [
    "DIVERGED_ATTENTION_KEY_RULES",
    "KERNEL_SELECTION_KEY_RULES",
    "DivergedAttention",
    "KernelSelection",
    "by_kind",
    "in_time_order",
]

GROUP = 4
"""Group size: the first of every four frames is a detail frame, the others are context frames."""

KERNEL_SELECTION_KEY_RULES: tuple[tuple[str, str], ...] = (
    ("conv1.", "near."),
    ("conv2.", "far."),
    ("fc1.0.", "squeeze."),
    ("fc1.1.", "squeeze_bn."),
    ("fc2.", "select."),
    ("W.", "norm."),
)
"""(published, ours): prefixes of the parameter names of `KernelSelection`."""

DIVERGED_ATTENTION_KEY_RULES: tuple[tuple[str, str], ...] = (
    ("conv.", "score."),
    ("conv1.0.conv.", "mix.0."),
    ("conv1.0.bn.", "mix_bn.0."),
    ("conv1.1.conv.", "mix.1."),
    ("conv1.1.bn.", "mix_bn.1."),
    ("W.", "norms."),
)
"""(published, ours): prefixes of the parameter names of `DivergedAttention`."""


def in_time_order(detail: Tensor, context: Tensor) -> Tensor:
    """Return maps ``(B, C, T, h, w)`` of detail ``(B, C, T/4, h, w)`` and context ``(B, C, 3T/4, h, w)``."""
    groups = context.unflatten(2, (-1, GROUP - 1))
    return torch.cat([detail[:, :, :, None], groups], 3).flatten(2, 3)


def by_kind(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Undo `in_time_order`: ``(B, C, T, h, w)`` to ``(B, C, T/4, h, w)`` and ``(B, C, 3T/4, h, w)``."""
    groups = maps.unflatten(2, (-1, GROUP))
    return groups[:, :, :, 0], groups[:, :, :, 1:].flatten(2, 3)


class KernelSelection(nn.Module):
    """Mix a temporal convolution of dilation 1 and one of dilation 2 by weights per channel and clip (TKS).

    The convolutions run over 4 x 2 cells of every frame, in time order; the result is added to all positions of a cell.
    Both streams share the last batch normalisation, whose weight is initialised with 0.

    Args:
        channels: C of the maps.

    Reference:
        Hou et al., BiCnet-TKS: Learning Efficient Spatial-Temporal Representation for Video Person Re-Identification,
        CVPR 2021.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.near = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.far = nn.Conv3d(channels, channels, (3, 1, 1), padding=(2, 0, 0), dilation=(2, 1, 1), bias=False)
        reduced = max(channels // 16, 1)
        self.squeeze = nn.Conv3d(channels, reduced, 1, bias=False)
        self.squeeze_bn = nn.BatchNorm3d(reduced)
        self.select = nn.Conv3d(reduced, 2 * channels, 1, bias=False)
        self.norm = nn.BatchNorm3d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, detail: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return both streams, ``(B, C, T/4, h, w)`` and ``(B, C, 3T/4, h', w')``, plus the temporal features."""
        cells = in_time_order(*(_cells(stream, 4, 2) for stream in (detail, context)))
        near, far = self.near(cells), self.far(cells)
        pooled = (near + far).mean((2, 3, 4), keepdim=True)
        hidden = torch.relu(self.squeeze_bn(self.squeeze(pooled)))
        share = self.select(hidden).unflatten(1, (2, -1)).softmax(1)
        changed = by_kind(share[:, 0] * near + share[:, 1] * far)
        return tuple(  # type: ignore[return-value]
            stream + interpolate(self.norm(part), size=stream.shape[2:])
            for stream, part in zip((detail, context), changed, strict=True)
        )


class DivergedAttention(nn.Module):
    """Attention over eight horizontal strips of each frame, with a different rule for each frame of a group (DAO).

    In the detail frame and the first context frame the attention is a softmax of the mean activation. The second and
    the third context frame have learnt scores; `divergence_loss` separates the three attention maps of the context
    frames. The attended vector of a frame passes a batch normalisation, whose weight is initialised with 0, and is
    added to all positions.

    Args:
        channels: C of the maps.

    Reference:
        Hou et al., BiCnet-TKS: Learning Efficient Spatial-Temporal Representation for Video Person Re-Identification,
        CVPR 2021.
    """

    strips = 8

    def __init__(self, channels: int) -> None:
        super().__init__()
        learnt = GROUP - 2
        self.score = nn.ModuleList(nn.Conv3d(channels, 1, 1) for _ in range(learnt))
        self.mix = nn.ModuleList(nn.Conv3d(self.strips, self.strips, 1) for _ in range(learnt))
        self.mix_bn = nn.ModuleList(nn.BatchNorm3d(self.strips) for _ in range(learnt))
        norms = [nn.BatchNorm3d(channels) for _ in range(GROUP)]
        for norm in norms:
            nn.init.zeros_(norm.weight)
        self.norms = nn.ModuleList(norms)

    def forward(self, detail: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return both streams, and the attention maps of the context frames, ``(B, T/4, 3, 8)``."""
        pooled = [_cells(stream, self.strips, 1) for stream in (detail, context)]
        kinds = [pooled[0], *pooled[1].unflatten(2, (-1, GROUP - 1)).unbind(3)]  # each (B, C, T/4, 8, 1)
        shares = [kinds[kind].mean(1, keepdim=True).softmax(3) for kind in (0, 1)]
        for learnt, kind in enumerate(kinds[2:]):
            scores = self.score[learnt](kind).transpose(1, 3)  # (B, 8, T/4, 1, 1)
            shares.append(self.mix_bn[learnt](self.mix[learnt](scores)).transpose(1, 3).softmax(3))
        read = [
            norm((share * kind).sum(3, keepdim=True))
            for norm, share, kind in zip(self.norms, shares, kinds, strict=True)
        ]
        masks = torch.stack([share[:, 0, :, :, 0] for share in shares[1:]], 2)
        return detail + read[0], context + torch.stack(read[1:], 3).flatten(2, 3), masks


def _cells(maps: Tensor, height: int, width: int) -> Tensor:
    """Return means over ``height x width`` cells, as adaptive pooling does, with operators that ONNX has."""
    for axis, cells in ((3, height), (4, width)):
        size = maps.shape[axis]
        if size % cells == 0:
            maps = maps.unflatten(axis, (cells, -1)).mean(axis + 1)
        elif cells % size == 0:
            maps = maps.repeat_interleave(cells // size, axis)
        else:
            shape = [None, cells, None] if axis == 3 else [None, None, cells]
            maps = adaptive_avg_pool3d(maps, shape)  # type: ignore[arg-type]
    return maps
