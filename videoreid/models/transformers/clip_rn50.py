"""CLIP's modified ResNet-50 with OpenAI's parameter names and, for re-ID, a last stage of stride 1."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from videoreid.models.transformers.attention import attend
from videoreid.models.transformers.vit import check_image_size

__all__ = ["CLIPImageResNet"]

_LAYERS = (3, 4, 6, 3)
_REDUCTION = 16


class _Bottleneck(nn.Module):
    """torchvision's bottleneck with average pooling instead of strides."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or channels != out:
            shortcut: OrderedDict[str, nn.Module] = OrderedDict()
            shortcut["-1"] = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
            shortcut["0"] = nn.Conv2d(channels, out, 1, bias=False)
            shortcut["1"] = nn.BatchNorm2d(out)
            self.downsample = nn.Sequential(shortcut)

    def forward(self, maps: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(maps)))
        out = self.avgpool(self.relu(self.bn2(self.conv2(out))))
        out = self.bn3(self.conv3(out)) + self.downsample(maps)
        result: Tensor = self.relu(out)
        return result


class _AttentionPool(nn.Module):
    """Attention pooling: the mean of a map attends to the positions of the map and to itself."""

    def __init__(self, positions: int, dim: int, heads: int, projected: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.randn(positions + 1, dim) / dim**0.5)
        self.k_proj = nn.Linear(dim, dim)
        self.q_proj = nn.Linear(dim, dim)
        self.v_proj = nn.Linear(dim, dim)
        self.c_proj = nn.Linear(dim, projected)

    def forward(self, maps: Tensor) -> Tensor:
        tokens = maps.flatten(2).transpose(1, 2)
        tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], dim=1) + self.positional_embedding
        # the published code queries with every token and uses only the first result
        query = self.q_proj(tokens[:, :1])
        pooled = attend(query, self.k_proj(tokens), self.v_proj(tokens), heads=self.heads)
        out: Tensor = self.c_proj(pooled[:, 0])
        return out


class CLIPImageResNet(nn.Module):
    """CLIP's RN50 for re-ID: maps at 1/16 of the image size, attention pooling on any grid.

    Args:
        size: (height, width) of the images in pixels.
        width: channels of the stem; 64 is RN50, smaller values give smaller networks.
        projected: width P of the space that images and texts share.

    Reference:
        Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021, section 2.4.
    """

    def __init__(self, size: tuple[int, int], *, width: int = 64, projected: int = 1024) -> None:
        super().__init__()
        self.image_size = size
        self.grid = (max(size[0] // _REDUCTION, 1), max(size[1] // _REDUCTION, 1))
        self.dims = (16 * width, 32 * width)
        half = width // 2
        self.conv1 = nn.Conv2d(3, half, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AvgPool2d(2)
        channels = width
        for i, (blocks, stride) in enumerate(zip(_LAYERS, (1, 2, 2, 1), strict=True)):
            wide = width * 2**i
            stage = [_Bottleneck(channels, wide, stride)]
            channels = 4 * wide
            stage += [_Bottleneck(channels, wide, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{i + 1}", nn.Sequential(*stage))
        # heads of 64 channels; RN50 has 32 heads
        self.attnpool = _AttentionPool(self.grid[0] * self.grid[1], channels, channels // 64, projected)
        self._init_weights()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode images ``(N, 3, H, W)``.

        Returns:
            The average-pooled maps of stage 3 ``(N, 16 * width)`` and of stage 4 ``(N, 32 * width)``, and the projected
            vector ``(N, P)``.

        Raises:
            ConfigError: images of another size.
        """
        check_image_size(images, self.image_size)
        maps = images
        for i in (1, 2, 3):
            maps = self.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(maps)))
        maps = self.get_submodule("layer2")(self.get_submodule("layer1")(self.avgpool(maps)))
        third = self.get_submodule("layer3")(maps)
        last = self.get_submodule("layer4")(third)
        return third.mean((2, 3)), last.mean((2, 3)), self.attnpool(last)

    def _init_weights(self) -> None:
        for layer in self.attnpool.children():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
