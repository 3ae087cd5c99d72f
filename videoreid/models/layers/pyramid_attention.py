"""The attention modules of PSTA, which fuse frames in pairs."""

import torch
from torch import Tensor, nn

__all__ = ["PyramidFusion"]


class PyramidFusion(nn.Module):
    """Fuse every pair of frames into one map (spatial-temporal aggregation module, STAM).

    Temporal reference attention uses the relations between the positions of the two frames, spatial reference attention
    the relations within each frame; both weight positions and channels. With an odd number of frames, the last frame is
    paired with itself, so its map has the same scale as the others.

    Args:
        channels: C of the maps.
        positions: h * w of the maps; the relations are channels of a convolution, which fixes the map size.

    Reference:
        Wang et al., Pyramid Spatial-Temporal Aggregation for Video-based Person Re-Identification, ICCV 2021.
    """

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        narrow, wide = channels // 8, channels // 4
        self.embed = nn.Sequential(*_conv_bn_relu(channels, wide), *_conv_bn_relu(wide, narrow))
        self.temporal = _TemporalReference(channels, positions)
        self.spatial = _SpatialReference(channels, positions)
        self.mix = nn.Sequential(
            *_conv_bn_relu(channels, wide), *_conv_bn_relu(wide, wide, 3), *_conv_bn_relu(wide, channels)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                nn.init.zeros_(module.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(B, ceil(T / 2), C, h, w)`` of maps ``(B, T, C, h, w)``."""
        if maps.shape[1] % 2:
            maps = torch.cat([maps, maps[:, -1:]], dim=1)
        num_pairs = maps.shape[1] // 2
        pairs = maps.unflatten(1, (num_pairs, 2)).flatten(0, 1)  # (B * pairs, 2, C, h, w)
        vectors = pairs.mean((-2, -1))
        embedded = self.embed(pairs.flatten(0, 1)).unflatten(0, (-1, 2))
        reference = self.temporal(pairs, vectors, embedded)
        fused = self.mix(reference + self.spatial(pairs, vectors, embedded))
        return fused.unflatten(0, (-1, num_pairs))


class _TemporalReference(nn.Module):
    """Weight each frame of a pair by its relation to the other frame; the fused map is squared, as published."""

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        narrow = channels // 8
        self.gamma = nn.Sequential(*_conv_bn_relu(channels, narrow))
        self.beta = nn.Sequential(*_conv_bn_relu(channels, narrow))
        self.relate = nn.Sequential(*_conv_bn_relu(2 * positions, narrow))
        self.pair = nn.Sequential(*_conv_bn_relu(2 * narrow, narrow))
        self.position = nn.Sequential(
            nn.Conv2d(2 * narrow, 1, 1, bias=False), nn.BatchNorm2d(1), nn.Sigmoid()
        )
        self.theta = nn.Sequential(nn.Conv1d(channels, narrow, 1, bias=False), nn.ReLU())
        self.channel = _channel_gate(2 * narrow, narrow, channels)

    def forward(self, pairs: Tensor, vectors: Tensor, embedded: Tensor) -> Tensor:
        """Fuse pairs.

        Args:
            pairs: ``(N, 2, C, h, w)``.
            vectors: ``(N, 2, C)``, the pairs averaged over positions.
            embedded: ``(N, 2, C / 8, h, w)``.

        Returns:
            ``(N, C, h, w)``.
        """
        h, w = pairs.shape[-2:]
        gamma = self.gamma(pairs.flatten(0, 1)).unflatten(0, (-1, 2)).flatten(3)  # (N, 2, c, h * w)
        beta = self.beta(pairs.flatten(0, 1)).unflatten(0, (-1, 2)).flatten(3)
        first = gamma[:, 0].transpose(1, 2) @ beta[:, 1]  # (N, positions of frame 0, positions of frame 1)
        second = gamma[:, 1].transpose(1, 2) @ beta[:, 0]
        # relations of a frame: its own positions form the grid, those of the other frame are channels
        relations = (
            torch.cat([first.transpose(1, 2), second], dim=1),
            torch.cat([second.transpose(1, 2), first], dim=1),
        )
        theta = self.theta(vectors.transpose(1, 2))  # (N, c, 2)
        total = torch.zeros_like(pairs[:, 0])
        for this, other in ((0, 1), (1, 0)):
            related = self.relate(relations[this].unflatten(2, (h, w)))
            both = self.pair(torch.cat([embedded[:, this], embedded[:, other]], dim=1))
            by_position = self.position(torch.cat([both, related], dim=1))
            by_channel = self.channel(torch.cat([theta[:, :, this], theta[:, :, other]], dim=1))
            total = total + by_channel[..., None, None] * by_position * pairs[:, this]
        return torch.relu(total).square()


class _SpatialReference(nn.Module):
    """Weight each frame by the relations between its own positions, then add the two frames."""

    def __init__(self, channels: int, positions: int) -> None:
        super().__init__()
        narrow = channels // 8
        self.alpha = nn.Sequential(*_conv_bn_relu(channels, narrow))
        self.delta = nn.Sequential(*_conv_bn_relu(channels, narrow))
        self.relate = nn.Sequential(*_conv_bn_relu(2 * positions, narrow))
        self.position = nn.Sequential(
            *_conv_bn_relu(2 * narrow, narrow),
            nn.Conv2d(narrow, 1, 1, bias=False),
            nn.BatchNorm2d(1),
            nn.Sigmoid(),
        )
        self.channel = _channel_gate(channels, narrow, channels)

    def forward(self, pairs: Tensor, vectors: Tensor, embedded: Tensor) -> Tensor:
        """Fuse pairs; arguments and result as in `_TemporalReference.forward`."""
        h, w = pairs.shape[-2:]
        flat = pairs.flatten(0, 1)
        alpha = self.alpha(flat).flatten(2)  # (2N, c, h * w)
        delta = self.delta(flat).flatten(2)
        relation = alpha.transpose(1, 2) @ delta
        stacked = torch.cat([relation.transpose(1, 2), relation], dim=1).unflatten(2, (h, w))
        by_position = self.position(torch.cat([embedded.flatten(0, 1), self.relate(stacked)], dim=1))
        by_channel = self.channel(vectors.flatten(0, 1))[..., None, None]
        weighed = (by_channel * by_position * flat).unflatten(0, (-1, 2))
        return torch.relu(weighed.sum(1))


def _conv_bn_relu(inputs: int, outputs: int, kernel: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _channel_gate(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs), nn.Sigmoid()
    )
