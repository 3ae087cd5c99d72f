"""Swin transformer with SOLIDER's semantic weight and the parameter names of its published files."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torchvision.ops import StochasticDepth

from videoreid.models.transformers.attention import attend
from videoreid.models.transformers.blocks import drop_rates

__all__ = ["SWIN_SIZES", "SwinSize", "SwinTransformer", "WindowAttention"]

_BLOCKED = -100.0  # added to the attention products of positions that are not neighbours


@dataclass(frozen=True)
class SwinSize:
    """The shape of a Swin transformer.

    Args:
        dim: channels of the first stage; each later stage has twice as many.
        depths: number of blocks of each stage.
        heads: attention heads of each stage.
        window: side of the attention windows, in positions.
    """

    dim: int
    depths: tuple[int, ...]
    heads: tuple[int, ...]
    window: int = 7


SWIN_SIZES: dict[str, SwinSize] = {
    "swin_b": SwinSize(128, (2, 2, 18, 2), (4, 8, 16, 32)),
    "swin_s": SwinSize(96, (2, 2, 18, 2), (3, 6, 12, 24)),
    "swin_t": SwinSize(96, (2, 2, 6, 2), (3, 6, 12, 24)),
    "swin_nano": SwinSize(32, (2, 2, 2, 2), (1, 2, 4, 8)),  # for tests and small machines
}


class _RelativeAttention(nn.Module):
    """Attention inside windows, with a learnt bias for every relative position."""

    relative_position_index: Tensor

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        places = torch.cartesian_prod(torch.arange(window), torch.arange(window))
        apart = places[:, None] - places[None] + window - 1  # (N, N, 2)
        index = apart[..., 0] * (2 * window - 1) + apart[..., 1]
        self.register_buffer("relative_position_index", index, persistent=False)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """Return windows ``(B, W, N, C)`` of windows of the same shape and a mask ``(W, N, N)``."""
        bias = self.relative_position_bias_table[self.relative_position_index].permute(
            2, 0, 1
        )  # (heads, N, N)
        if mask is not None:
            bias = bias + mask[:, None].to(bias)  # (W, heads, N, N)
        batch, count = windows.shape[:2]
        bias = bias.expand(batch, count, *bias.shape[-3:]).flatten(0, 1)
        query, key, value = self.qkv(windows.flatten(0, 1)).chunk(3, dim=2)
        out: Tensor = self.proj(attend(query, key, value, heads=self.heads, mask=bias))
        return out.unflatten(0, (batch, count))


class WindowAttention(nn.Module):
    """Attention inside windows of a map; the windows may be shifted.

    A map is padded to whole windows at its right and lower end. With a shift, a map that is no larger than a window is
    shifted and masked too, as in SOLIDER's code (torchvision's Swin does not shift such maps).

    Args:
        dim: channels.
        heads: attention heads.
        window: side of a window in positions.
        shift: positions to shift by; 0 for none.
    """

    def __init__(self, dim: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.w_msa = _RelativeAttention(dim, heads, window)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps ``(B, h, w, C)``."""
        rows, columns = maps.shape[1:3]
        maps = F.pad(maps, (0, 0, 0, -columns % self.window, 0, -rows % self.window))
        padded = (maps.shape[1], maps.shape[2])
        mask = None
        if self.shift:
            maps = maps.roll((-self.shift, -self.shift), dims=(1, 2))
            mask = self._neighbours(padded, maps.device)
        windows = self.w_msa(_to_windows(maps, self.window), mask)
        maps = _from_windows(windows, padded, self.window)
        if self.shift:
            maps = maps.roll((self.shift, self.shift), dims=(1, 2))
        return maps[:, :rows, :columns]

    def _neighbours(self, size: tuple[int, int], device: torch.device) -> Tensor:
        """Return ``(W, N, N)``: 0 for positions in the same region before the roll, else `_BLOCKED`."""
        regions = []
        for length in size:
            region = torch.zeros(length, device=device)
            region[length - self.window : length - self.shift] = 1
            region[length - self.shift :] = 2
            regions.append(region)
        ids = (3 * regions[0][:, None] + regions[1][None])[None, :, :, None]
        flat = _to_windows(ids, self.window)[0, :, :, 0]  # (W, N)
        return torch.where(flat[:, None] == flat[:, :, None], 0.0, _BLOCKED)


def _to_windows(maps: Tensor, window: int) -> Tensor:
    """Cut maps ``(B, h, w, C)`` into ``(B, windows, window * window, C)``."""
    cut = maps.unflatten(2, (-1, window)).unflatten(1, (-1, window))
    return cut.transpose(2, 3).flatten(3, 4).flatten(1, 2)


def _from_windows(windows: Tensor, size: tuple[int, int], window: int) -> Tensor:
    cut = windows.unflatten(1, (size[0] // window, size[1] // window)).unflatten(3, (window, window))
    return cut.transpose(2, 3).flatten(3, 4).flatten(1, 2)


class _SwinBlock(nn.Module):
    def __init__(self, dim: int, heads: int, window: int, *, shifted: bool, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window, window // 2 if shifted else 0)
        self.norm2 = nn.LayerNorm(dim)
        first = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU())
        self.ffn = nn.ModuleDict({"layers": nn.Sequential(first, nn.Linear(4 * dim, dim))})
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, maps: Tensor) -> Tensor:
        maps = maps + self.drop_path(self.attn(self.norm1(maps)))
        out: Tensor = maps + self.drop_path(self.ffn["layers"](self.norm2(maps)))
        return out


class _PatchMerging(nn.Module):
    """Merge every 2 x 2 positions into one with twice the channels; channels are ordered as in `nn.Unfold`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        rows, columns = maps.shape[1:3]
        maps = F.pad(maps, (0, 0, 0, columns % 2, 0, rows % 2))
        squares = maps.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))  # (B, h/2, 2, w/2, 2, C)
        merged = squares.permute(0, 1, 3, 5, 2, 4).flatten(3)
        out: Tensor = self.reduction(self.norm(merged))
        return out


class _Stage(nn.Module):
    def __init__(self, dim: int, heads: int, window: int, rates: list[float], *, merge: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _SwinBlock(dim, heads, window, shifted=i % 2 == 1, drop_path=rate) for i, rate in enumerate(rates)
        )
        self.downsample = _PatchMerging(dim) if merge else nn.Identity()


class SwinTransformer(nn.Module):
    """A Swin transformer whose maps between stages are scaled and shifted by layers of a semantic weight.

    Args:
        size: the shape of the network.
        semantic_weight: 0..1, weight of semantic against appearance information; 0.2 for re-identification.
        drop_path: drop-path rate of the last block; it grows linearly from 0 at the first block.
        gradient_checkpointing: run each block again in the backward pass instead of keeping its activations.

    Reference:
        Liu et al., Swin Transformer, ICCV 2021; Chen et al., Beyond Appearance: a Semantic Controllable
        Self-Supervised Learning Framework for Human-Centric Visual Tasks, CVPR 2023. https://arxiv.org/abs/2303.17602
    """

    semantics: Tensor

    def __init__(
        self,
        size: SwinSize,
        *,
        semantic_weight: float = 0.2,
        drop_path: float = 0.1,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        stages = len(size.depths)
        dims = [size.dim * 2**i for i in range(stages)]
        self.out_channels, self.recompute = dims[-1], gradient_checkpointing
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["projection"] = nn.Conv2d(3, size.dim, 4, 4)
        layers["norm"] = nn.LayerNorm(size.dim)
        self.patch_embed = nn.ModuleDict(layers)
        rates = drop_rates(drop_path, sum(size.depths))
        self.stages = nn.ModuleList()
        for i, depth in enumerate(size.depths):
            own = rates[sum(size.depths[:i]) :][:depth]
            stage = _Stage(dims[i], size.heads[i], size.window, own, merge=i + 1 < stages)
            self.stages.append(stage)
        self.norm3 = nn.LayerNorm(dims[-1])
        self.semantic_embed_w = nn.ModuleList(_frozen_linear(dim) for dim in dims[1:])
        self.semantic_embed_b = nn.ModuleList(_frozen_linear(dim) for dim in dims[1:])
        self.register_buffer(
            "semantics", torch.tensor([semantic_weight, 1.0 - semantic_weight]), persistent=False
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean ``(N, C)`` of the normalised last maps of images ``(N, 3, H, W)`` of any size."""
        rows, columns = images.shape[-2:]
        images = F.pad(images, (0, -columns % 4, 0, -rows % 4))
        maps = self.patch_embed["norm"](self.patch_embed["projection"](images).permute(0, 2, 3, 1))
        for i, stage in enumerate(self.stages):
            for block in stage.get_submodule("blocks").children():
                if self.recompute and self.training and torch.is_grad_enabled():
                    maps = checkpoint(block, maps, use_reentrant=False)
                else:
                    maps = block(maps)
            if i + 1 < len(self.stages):
                maps = stage.get_submodule("downsample")(maps)
                scale, shift = (
                    embed[i](self.semantics) for embed in (self.semantic_embed_w, self.semantic_embed_b)
                )
                maps = maps * F.softplus(scale) + shift
        out: Tensor = self.norm3(maps).mean((1, 2))
        return out


def _frozen_linear(dim: int) -> nn.Linear:
    layer = nn.Linear(2, dim)
    for parameter in layer.parameters():
        parameter.requires_grad = False
        parameter.fixed_by_design = True  # type: ignore[attr-defined]  # read by ReIDModel.unfreeze
    return layer
