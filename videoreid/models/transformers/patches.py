"""Patch embedding: plain, overlapping, or after a convolution stem."""

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError

__all__ = ["PatchEmbed", "patch_grid"]

_STEM_CHANNELS = 64


def patch_grid(
    size: tuple[int, int], patch: tuple[int, int], stride: tuple[int, int], *, whose: str = "patches"
) -> tuple[int, int]:
    """Return (rows, columns) of the patches of an image: ``(size - patch) // stride + 1``.

    Args:
        size: (height, width) of the image in pixels.
        patch: (height, width) of a patch in pixels.
        stride: (down, across), pixels between patches.
        whose: name of the patches in the message.

    Raises:
        ConfigError: an image smaller than a patch, or a stride of 0 or less.

    Example:
        >>> patch_grid((256, 128), (16, 16), (12, 12))
        (21, 10)
    """
    if min(stride) < 1 or size[0] < patch[0] or size[1] < patch[1]:
        raise ConfigError(
            f"{whose} of {patch[0]} x {patch[1]} pixels, {stride[0]} x {stride[1]} apart, do not fit an image of "
            f"{size[0]} x {size[1]}: choose a larger height and width, and strides of 1 or more"
        )
    return (size[0] - patch[0]) // stride[0] + 1, (size[1] - patch[1]) // stride[1] + 1


class _HalfInstanceNorm(nn.Module):
    """Instance norm on the first half of the channels, batch norm on the rest (IBN-a)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.IN = nn.InstanceNorm2d(channels // 2, affine=True)
        self.BN = nn.BatchNorm2d(channels - channels // 2)

    def forward(self, maps: Tensor) -> Tensor:
        first, second = maps.split([self.IN.num_features, self.BN.num_features], dim=1)
        return torch.cat([self.IN(first), self.BN(second)], dim=1)


def _conv_stem() -> nn.Sequential:
    """Build the ICS stem: three convolutions with instance and batch norm that halve the image size."""
    layers: list[nn.Module] = []
    for i in range(3):
        kernel, stride = (7, 2) if i == 0 else (3, 1)
        channels = 3 if i == 0 else _STEM_CHANNELS
        layers.append(nn.Conv2d(channels, _STEM_CHANNELS, kernel, stride, kernel // 2, bias=False))
        layers.append(_HalfInstanceNorm(_STEM_CHANNELS) if i < 2 else nn.BatchNorm2d(_STEM_CHANNELS))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class PatchEmbed(nn.Module):
    """Turn images into patch tokens by a convolution (``proj``), after an optional stem (``conv``).

    Args:
        dim: width D of the tokens.
        patch: (height, width) of a patch in pixels.
        stride: (down, across), pixels between patches; patches overlap if it is smaller than the patch.
        stem: "patch" for no stem, or "conv" for the convolution stem with instance norm that halves the image first.

    Raises:
        ConfigError: an unknown stem; a convolution stem with overlapping patches.

    Reference:
        He et al., TransReID, ICCV 2021 (overlap); Luo et al., Self-Supervised Pre-Training for Transformer-Based
        Person Re-Identification, 2021, https://arxiv.org/abs/2111.12084 (stem).
    """

    def __init__(
        self,
        dim: int,
        *,
        patch: tuple[int, int] = (16, 16),
        stride: tuple[int, int] = (16, 16),
        stem: str = "patch",
    ) -> None:
        super().__init__()
        if stem not in ("patch", "conv"):
            raise ConfigError(f"unknown stem {stem!r}; choose 'patch' or 'conv'")
        channels = 3
        if stem == "conv":
            if patch != stride:
                raise ConfigError(
                    f"the convolution stem needs patches that do not overlap; use stride {patch[0]}"
                )
            self.conv = _conv_stem()
            channels, patch, stride = (
                _STEM_CHANNELS,
                (patch[0] // 2, patch[1] // 2),
                (stride[0] // 2, stride[1] // 2),
            )
        self.proj = nn.Conv2d(channels, dim, patch, stride)

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens ``(N, rows * columns, D)`` of images ``(N, 3, H, W)``."""
        if hasattr(self, "conv"):
            images = self.conv(images)
        tokens: Tensor = self.proj(images).flatten(2).transpose(1, 2)
        return tokens
