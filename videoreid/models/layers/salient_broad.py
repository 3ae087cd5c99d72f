"""Salient-to-broad module (SBM): it damps in later frames the regions that earlier frames show."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, pad

from videoreid.errors import ConfigError

__all__ = ["SALIENT_BROAD_KEY_RULES", "SalientToBroad"]

SALIENT_BROAD_KEY_RULES: tuple[tuple[str, str], ...] = (
    ("kernel.0.", "kernel."),
    ("kernel.1.", "kernel_bn."),
    ("se.1.", "squeeze."),
    ("se.3.", "excite."),
)
"""(published, ours): prefixes of the parameter names."""

_GROUP = 4
_SMALLEST_RESPONSE = 1e-4


class SalientToBroad(nn.Module):
    """Damp the broad frames of a clip where its salient frames already show something, and exchange means (SBM).

    Of every four consecutive frames the first ``split + 1`` are salient, the others broad. One 3 x 3 kernel is computed
    from the salient frames; positions of the broad frames with a high response to it are damped. Each part receives a
    tenth of the mean of the other part. Channels whose mean inside the map (without the 1-pixel border) is not above
    their mean over the whole map are left out of the comparison; maps narrower than 3 keep all channels.

    Args:
        channels: C of the maps.
        split: 0, 1 or 2; the number of salient frames minus 1.
        sharpness: beta of ``exp(beta (w - 1))``, the strength of the damping.
        exchange: factor on the other part's mean.

    Raises:
        ConfigError: (in forward) the clip length is not a multiple of four.

    Reference:
        Bai et al., Salient-to-Broad Transition for Video Person Re-identification, CVPR 2022.
    """

    def __init__(self, channels: int, split: int, *, sharpness: float = 5.0, exchange: float = 0.1) -> None:
        super().__init__()
        self.salient = split + 1
        self.sharpness = sharpness
        self.exchange = exchange
        self.kernel = nn.Conv3d(channels, 9, 1)
        self.kernel_bn = nn.BatchNorm3d(9)
        self.squeeze = nn.Conv3d(channels, channels // 4, 1)
        self.excite = nn.Conv3d(channels // 4, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps ``(B, C, T, h, w)``, T a multiple of 4."""
        if maps.shape[2] % _GROUP:
            raise ConfigError(
                f"the salient-to-broad module works on groups of {_GROUP} frames, got clips of {maps.shape[2]}; "
                f"sample clips of a multiple of {_GROUP} frames"
            )
        groups = maps.unflatten(2, (-1, _GROUP)).transpose(1, 2)  # (B, G, C, 4, h, w)
        changed = self._transfer(groups.flatten(0, 1)).unflatten(0, groups.shape[:2])
        return changed.transpose(1, 2).flatten(2, 3)

    def _transfer(self, maps: Tensor) -> Tensor:
        gated = torch.relu(maps * self._channel_gate(maps))
        kernel = self._kernel_of(gated[:, :, : self.salient])
        salient, broad = maps[:, :, : self.salient], maps[:, :, self.salient :]
        weight = self._weight(gated[:, :, self.salient :], kernel)
        left = 1.0 - weight
        unseen = (left * broad).mean((2, 3, 4), keepdim=True)
        # without any damping this is 0 / 0; the clamp keeps the value and its gradient finite
        floor = max(1e-8, float(torch.finfo(left.dtype).tiny))
        unseen = unseen / left.mean((2, 3, 4), keepdim=True).clamp_min(floor)
        shown = salient.mean((2, 3, 4), keepdim=True)
        return torch.cat([salient + self.exchange * unseen, broad * weight + self.exchange * shown], 2)

    def _channel_gate(self, maps: Tensor) -> Tensor:
        pooled = maps.mean((2, 3, 4), keepdim=True)
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(pooled))))
        if min(maps.shape[3:]) < 3:
            return gate
        inside = maps[:, :, :, 1:-1, 1:-1].mean((2, 3, 4), keepdim=True)
        central = (inside / (pooled + 1e-8)).detach() > 1
        return gate * central

    def _kernel_of(self, salient: Tensor) -> Tensor:
        """Return one 3 x 3 kernel per clip, ``(B, 9, C)``, of salient frames ``(B, C, T', h, w)``."""
        share = torch.relu(self.kernel_bn(self.kernel(salient))).flatten(2)  # (B, 9, N)
        share = normalize(normalize(share, p=1.0, dim=1), p=1.0, dim=2)
        return share @ salient.flatten(2).transpose(1, 2)

    def _weight(self, broad: Tensor, kernel: Tensor) -> Tensor:
        """Return weights ``(B, 1, T', h, w)`` in (0, 1], small where the kernel has a high response."""
        height, width = broad.shape[3:]
        taps = (kernel @ broad.flatten(2)).unflatten(2, broad.shape[2:])  # the sum over channels comes first
        taps = pad(taps.flatten(1, 2), (1, 1, 1, 1), mode="replicate").unflatten(1, taps.shape[1:3])
        response = sum(
            taps[:, 3 * i + j, :, i : i + height, j : j + width] for i in range(3) for j in range(3)
        )
        response = (response / 9).flatten(2).softmax(2).clamp_min(_SMALLEST_RESPONSE)
        weight = 1.0 / (response * (height * width))
        # select before the exponential: it overflows for large weights, and their gradient would be 0 * inf
        weight = torch.where(weight.detach() < 1, weight, torch.ones_like(weight))
        weight = torch.exp(self.sharpness * (weight - 1.0))
        return weight.unflatten(2, (height, width))[:, None]
