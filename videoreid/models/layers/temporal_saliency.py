"""The two modules of TCLNet: temporal saliency boosting and temporal saliency erasing."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize

__all__ = ["SALIENCY_BOOST_KEY_RULES", "SaliencyBoosting", "SaliencyErasing"]

SALIENCY_BOOST_KEY_RULES: tuple[tuple[str, str], ...] = (("W.0.", "expand."), ("W.1.", "norm."))
"""(published, ours): prefixes of the parameter names of `SaliencyBoosting`."""


class SaliencyBoosting(nn.Module):
    """Add to each frame an attention-weighted mean over the positions of the other frames (TSB).

    The query of a frame is its mean vector, keys are averages over 2 x 2 neighbourhoods, values are single positions;
    the similarity is the cosine. The weight of the last batch normalisation is initialised with 0. A clip of one frame
    passes unchanged.

    Args:
        channels: C of the maps.
        temperature: factor on the cosine similarities.

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
    """Erase the rows of a frame that correlate most with the output of the frame before (erasing part of TSE).

    The correlation of every position with the pooled output of the frame before selects three neighbouring rows, which
    are set to zero. A mean of the remaining positions, weighted by a softmax of the correlation, is transformed and
    added to all positions, so that the correlation gets a gradient; the weight of the last batch normalisation is
    initialised with 0. In the first frame of a group no row is erased and the weights are equal.

    Args:
        channels: C of the maps.
        out_channels: width D of the pooled output of the frame before.
        rows: number of rows to erase, odd; fewer if the selected rows reach beyond the map.

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
        """Return the maps ``(N, C, h, w)`` with the selected rows erased.

        Args:
            maps: ``(N, C, h, w)``, one frame of each clip.
            earlier: ``(N, D)``, pooled output of the frame before; None for the first frame of a group.
        """
        scores = torch.zeros_like(maps[:, 0])  # (N, h, w)
        if earlier is not None:
            query = self.reduce(earlier.detach()[..., None, None])
            scores = (query * maps).sum(1) / query.shape[1] ** 0.5
            erased = self._rows_to_erase(scores.detach())[..., None]
            maps = maps.masked_fill(erased[:, None], 0.0)
            # not minus infinity: in a map of few rows all positions may be erased, and the softmax would be NaN
            scores = scores.masked_fill(erased, _lowest(scores))
        share = scores.flatten(1).softmax(1)[..., None]
        pooled = maps.flatten(2) @ share
        return maps + self.norm(self.expand(pooled[..., None]))

    def _rows_to_erase(self, scores: Tensor) -> Tensor:
        """Return ``(N, h)`` bool: true in the window of rows with the highest sum of scores."""
        reach = self.rows // 2
        padded, height = nn.functional.pad(scores.sum(2), (reach, reach)), scores.shape[1]
        # not `unfold`, which cannot be exported to ONNX for an unknown size
        total = torch.stack([padded[:, row : row + height] for row in range(self.rows)], 2).sum(2)
        centre = total.argmax(1, keepdim=True)
        return (torch.arange(scores.shape[1], device=scores.device) - centre).abs() <= reach


def _lowest(scores: Tensor) -> float:
    return float(torch.finfo(scores.dtype).min)
