"""The two modules of TCLNet: boosting what other frames show, erasing what an earlier frame has shown."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize

__all__ = ["SALIENCY_BOOST_KEY_RULES", "SaliencyBoosting", "SaliencyErasing"]

SALIENCY_BOOST_KEY_RULES: tuple[tuple[str, str], ...] = (("W.0.", "expand."), ("W.1.", "norm."))
"""(published, ours): beginnings of the parameter names of `SaliencyBoosting`."""


class SaliencyBoosting(nn.Module):
    """Add to a frame what the positions of the other frames hold that resemble its mean (TSB).

    Positions are compared by the cosine of their 2 x 2 neighbourhoods and read as they are. The batch normalisation at
    the end starts at zero. A clip of one frame has no others and passes unchanged.

    Args:
        channels: C.
        temperature: factor on the cosines.

    Reference:
        Hou et al., Temporal Complementary Learning for Video Person Re-identification, ECCV 2020.
        https://arxiv.org/abs/2007.09357
    """

    def __init__(self, channels: int, *, temperature: float = 5.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.expand = nn.Conv2d(channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps ``(B, C, T, h, w)``."""
        num_frames = maps.shape[2]
        if num_frames == 1:
            return maps
        frames = maps.transpose(1, 2)  # (B, T, C, h, w)
        areas = avg_pool2d(frames.flatten(0, 1), 2, 1, 1)[..., :-1, :-1].unflatten(0, frames.shape[:2])
        query = normalize(frames.mean((3, 4)), dim=2)  # (B, T, C)
        likeness = torch.einsum("btc,bschw->btshw", query, normalize(areas, dim=2)) * self.temperature
        steps = torch.arange(num_frames, device=maps.device)
        itself = (steps[:, None] == steps)[:, :, None, None]  # onnxruntime has no identity matrix of booleans
        share = likeness.masked_fill(itself, _lowest(likeness)).flatten(2).softmax(2)  # (B, T, Thw)
        read = share @ frames.permute(0, 1, 3, 4, 2).flatten(1, 3)  # (B, T, C)
        added = self.norm(self.expand(read.flatten(0, 1)[..., None, None])).unflatten(0, frames.shape[:2])
        return maps + added.transpose(1, 2)


class SaliencyErasing(nn.Module):
    """Take from a frame the rows that an earlier frame was recognised by (the erasing half of TSE).

    The correlation of every position with the earlier frame's pooled output says which three neighbouring rows these
    are; they are set to zero. What remains is averaged with a softmax of the correlation as weights,
    transformed and added everywhere, so that the correlation receives a gradient; the batch normalisation behind
    that starts at zero. The first frame of a group loses nothing, its weights are equal.

    Args:
        channels: C of the maps.
        out_channels: of the earlier frame's pooled output.
        rows: how many rows are erased; one less each at the upper and lower end of the map.

    Reference:
        Hou et al., Temporal Complementary Learning for Video Person Re-identification, ECCV 2020.
    """

    def __init__(self, channels: int, out_channels: int, *, rows: int = 3) -> None:
        super().__init__()
        self.rows = rows
        self.reduce = nn.Conv2d(out_channels, channels, 1, bias=False)
        self.expand = nn.Conv2d(channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, maps: Tensor, earlier: Tensor | None = None) -> Tensor:
        """Return the maps without what was shown.

        Args:
            maps: ``(N, C, h, w)`` of one frame each.
            earlier: ``(N, D)`` pooled output of the frame before; None for the first of a group.
        """
        scores = torch.zeros_like(maps[:, 0])  # (N, h, w)
        if earlier is not None:
            query = self.reduce(earlier.detach()[..., None, None])
            scores = (query * maps).sum(1) / query.shape[1] ** 0.5
            erased = self._rows_to_erase(scores.detach())[..., None]
            maps = maps.masked_fill(erased[:, None], 0.0)
            # not minus infinity: of a map of few rows nothing may be left
            scores = scores.masked_fill(erased, _lowest(scores))
        share = scores.flatten(1).softmax(1)[..., None]
        pooled = maps.flatten(2) @ share
        return maps + self.norm(self.expand(pooled[..., None]))

    def _rows_to_erase(self, scores: Tensor) -> Tensor:
        """Return ``(N, h)``, true in the rows around the one with the highest sum over its neighbourhood."""
        reach = self.rows // 2
        padded, height = nn.functional.pad(scores.sum(2), (reach, reach)), scores.shape[1]
        # not `unfold`, which ONNX has not for a size that is not known
        total = torch.stack([padded[:, row : row + height] for row in range(self.rows)], 2).sum(2)
        centre = total.argmax(1, keepdim=True)
        return (torch.arange(scores.shape[1], device=scores.device) - centre).abs() <= reach


def _lowest(scores: Tensor) -> float:
    return float(torch.finfo(scores.dtype).min)
