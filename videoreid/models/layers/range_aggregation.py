"""The three modules of MRA: range features, global reference, stepwise fusion."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from videoreid.models.layers.motion_excitation import frame_difference

__all__ = ["GlobalReference", "RangeFeatures", "StepwiseFusion", "average_windows"]

_QUIET = 0.1  # initial scale of a branch: little effect on the output, but gradients flow


def average_windows(maps: Tensor, size: int) -> Tensor:
    """Average non-overlapping windows of ``size`` frames; the last window may be shorter.

    Args:
        maps: ``(B, T, ...)``.
        size: frames per window, 1 or more.

    Returns:
        ``(B, ceil(T / size), ...)``.
    """
    return torch.stack([window.mean(1) for window in maps.split(size, dim=1)], dim=1)


class RangeFeatures(nn.Module):
    """RFG: for each range r, averages over windows of r frames, with channels gated by the motion at gap r.

    Motion is the mean absolute difference to the frames at gaps r and -r, in fewer channels; that other frame
    passes a depthwise convolution first, as in motion excitation. A gap is at most T - 1, so the longest range
    compares the first and the last frame. All ranges share the squeeze layer; each range has its own gate.

    Args:
        channels: C of the maps.
        ranges: number of ranges.
        reduction: motion is measured in C / reduction channels.
    """

    def __init__(self, channels: int, ranges: int, *, reduction: int = 16) -> None:
        super().__init__()
        reduced = max(channels // reduction, 1)
        self.squeeze = nn.Sequential(nn.Conv2d(channels, reduced, 1, bias=False), nn.BatchNorm2d(reduced))
        self.shift = nn.Conv2d(reduced, reduced, 3, padding=1, groups=reduced, bias=False)
        self.gates = nn.ModuleList(
            nn.Sequential(nn.Linear(reduced, channels, bias=False), _quiet_norm(channels))
            for _ in range(ranges)
        )

    def forward(self, maps: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        """Return one ``(B, ceil(T / r), C, h, w)`` per range r.

        Args:
            maps: ``(B, T, C, h, w)``.
            sizes: r of each range, in frames.
        """
        clips = maps.shape[:2]
        still = self.squeeze(maps.flatten(0, 1))
        moved = self.shift(still).unflatten(0, clips)
        still = still.unflatten(0, clips)
        features = []
        for size, gate in zip(sizes, self.gates, strict=True):
            gap = max(1, min(size, clips[1] - 1))
            ahead = frame_difference(moved, still, gap).abs().mean((-2, -1))
            behind = frame_difference(moved, still, -gap).abs().mean((-2, -1))
            amount = torch.tanh(gate((ahead + behind).flatten(0, 1))).unflatten(0, clips)  # (B, T, C)
            features.append(average_windows(maps * (1 + amount[..., None, None]), size))
        return features


class GlobalReference(nn.Module):
    """GRM: gate the channels and positions of a range feature by comparison with the whole clip.

    The reference is the mean map of the clip. The gate of a position is computed from the channel-wise products with
    the reference at the same position and with the mean of the reference: the person appears throughout the clip, an
    occluder does not.

    Args:
        channels: C of the maps.
        reduction: the comparison uses C / reduction channels.
    """

    def __init__(self, channels: int, *, reduction: int = 8) -> None:
        super().__init__()
        reduced = max(channels // reduction, 1)
        self.window = nn.Sequential(nn.Conv2d(channels, reduced, 1, bias=False), nn.BatchNorm2d(reduced))
        self.reference = nn.Sequential(nn.Conv2d(channels, reduced, 1, bias=False), nn.BatchNorm2d(reduced))
        self.position = nn.Conv2d(2 * reduced, 1, 1)
        nn.init.normal_(self.position.weight, std=_QUIET / reduced)
        self.channel = _pair_gate(channels, reduced)

    def forward(self, windows: Tensor, reference: Tensor) -> Tensor:
        """Return gated maps ``(B, n, C, h, w)``.

        Args:
            windows: ``(B, n, C, h, w)``.
            reference: ``(B, C, h, w)``, the mean map of the clip.
        """
        count = windows.shape[1]
        here = self.window(windows.flatten(0, 1)).unflatten(0, (-1, count))
        there = self.reference(reference)[:, None]  # (B, 1, c, h, w)
        agreement = torch.cat([here * there, here * there.mean((-2, -1), keepdim=True)], dim=2)
        by_position = torch.sigmoid(self.position(agreement.flatten(0, 1))).unflatten(0, (-1, count))
        whole = reference.mean((-2, -1))[:, None].expand(-1, count, -1)
        by_channel = self.channel(torch.cat([windows.mean((-2, -1)), whole], dim=2).flatten(0, 1))
        by_channel = torch.sigmoid(by_channel).unflatten(0, (-1, count))[..., None, None]
        return windows * (2 * by_position) * (2 * by_channel)  # both gates start near one half


class StepwiseFusion(nn.Module):
    """SFM: one step, which fuses the state of the shorter ranges into the feature of the next longer range.

    The windows of the shorter range inside one window of the longer range are summed with learnt weights; a gate per
    channel mixes the sum with the feature of the longer range; a small residual block refines the result.

    Args:
        channels: C of the maps.
        reduction: the gate and the residual block have C / reduction hidden channels.
    """

    def __init__(self, channels: int, *, reduction: int = 8) -> None:
        super().__init__()
        reduced = max(channels // reduction, 1)
        self.score = nn.Linear(channels, 1, bias=False)  # a bias would cancel in the softmax
        nn.init.normal_(self.score.weight, std=_QUIET / channels)
        self.gate = _pair_gate(channels, reduced)
        self.refine = nn.Sequential(
            nn.Conv2d(channels, reduced, 1, bias=False),
            nn.BatchNorm2d(reduced),
            nn.ReLU(inplace=True),
            nn.Conv2d(reduced, reduced, 3, padding=1, bias=False),
            nn.BatchNorm2d(reduced),
            nn.ReLU(inplace=True),
            nn.Conv2d(reduced, channels, 1, bias=False),
            _quiet_norm(channels, axes=2),
        )

    def forward(self, shorter: Tensor, longer: Tensor, group: int) -> Tensor:
        """Fuse two ranges.

        Args:
            shorter: ``(B, n, C, h, w)``.
            longer: ``(B, ceil(n / group), C, h, w)``.
            group: number of windows of the shorter range in one window of the longer range.

        Returns:
            Fused maps of the shape of ``longer``.
        """
        count = longer.shape[1]
        carried = self._carry(shorter, group)
        both = torch.cat([carried.mean((-2, -1)), longer.mean((-2, -1))], dim=2).flatten(0, 1)
        share = torch.sigmoid(self.gate(both)).unflatten(0, (-1, count))[..., None, None]
        fused = (share * carried + (1 - share) * longer).flatten(0, 1)
        return torch.relu(fused + self.refine(fused)).unflatten(0, (-1, count))

    def _carry(self, shorter: Tensor, group: int) -> Tensor:
        scores = self.score(shorter.mean((-2, -1)))  # (B, n, 1)
        parts = []
        for windows, score in zip(shorter.split(group, dim=1), scores.split(group, dim=1), strict=True):
            parts.append((windows * score.softmax(1)[..., None, None]).sum(1))
        return torch.stack(parts, dim=1)


def _quiet_norm(channels: int, axes: int = 1) -> nn.Module:
    norm = nn.BatchNorm1d(channels) if axes == 1 else nn.BatchNorm2d(channels)
    nn.init.constant_(norm.weight, _QUIET)
    return norm


def _pair_gate(channels: int, reduced: int) -> nn.Sequential:
    """Build the layers from two concatenated vectors to gate logits, which are near zero at the start."""
    last = nn.Linear(reduced, channels)
    nn.init.normal_(last.weight, std=_QUIET / reduced)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(2 * channels, reduced), nn.ReLU(inplace=True), last)
