"""MLFN: blocks of parallel factors, with the factor weights of every block as a part of the embedding."""

from typing import Any

import torch
from torch import Tensor, nn

from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameNetwork, FrameOptions

__all__ = ["MLFN", "FactorBlock"]

_GROUPS = 32


class FactorBlock(nn.Module):
    """A grouped bottleneck whose groups (factors) are weighted by a small selection network.

    Args:
        in_channels: channels in.
        out_channels: channels out.
        stride: step of the grouped convolution.
        hidden: widths of the two hidden layers of the selection network.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, hidden: tuple[int, int]) -> None:
        super().__init__()
        mid = out_channels // 2
        self.fm_conv1 = nn.Conv2d(in_channels, mid, 1, bias=False)
        self.fm_bn1 = nn.BatchNorm2d(mid)
        self.fm_conv2 = nn.Conv2d(mid, mid, 3, stride=stride, padding=1, groups=_GROUPS, bias=False)
        self.fm_bn2 = nn.BatchNorm2d(mid)
        self.fm_conv3 = nn.Conv2d(mid, out_channels, 1, bias=False)
        self.fm_bn3 = nn.BatchNorm2d(out_channels)
        layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1)]
        for wide, narrow in zip((in_channels, *hidden), (*hidden, _GROUPS), strict=True):
            layers += [nn.Conv2d(wide, narrow, 1), nn.BatchNorm2d(narrow), nn.ReLU(inplace=True)]
        self.fsm = nn.Sequential(*layers[:-1], nn.Sigmoid())
        self.downsample = None
        if in_channels != out_channels or stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map ``(N, out_channels, h, w)`` and the factor weights ``(N, 32, 1, 1)``."""
        selection = self.fsm(x)
        out = torch.relu(self.fm_bn1(self.fm_conv1(x)))
        out = torch.relu(self.fm_bn2(self.fm_conv2(out)))
        out = out * selection.repeat_interleave(out.shape[1] // _GROUPS, dim=1)
        out = torch.relu(self.fm_bn3(self.fm_conv3(out)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return torch.relu(shortcut + out), selection


class MLFN(FrameNetwork):
    """Multi-level factorisation net: the embedding is the mean of a feature vector and a factor-weight vector.

    Args:
        num_classes: number of training identities K.
        options: temporal head and neck.

    Reference:
        Chang et al., Multi-Level Factorisation Net for Person Re-Identification, CVPR 2018,
        https://arxiv.org/abs/1803.09132
    """

    def __init__(self, num_classes: int, *, options: FrameOptions | None = None) -> None:
        # (blocks, channels, stride of the first block, hidden widths of the selection)
        plan = (
            (3, 256, 1, (128, 64)),
            (4, 512, 2, (256, 128)),
            (6, 1024, 2, (512, 128)),
            (3, 2048, 2, (512, 128)),
        )
        blocks: list[nn.Module] = []
        channels = 64
        for count, width, stride, hidden in plan:
            for index in range(count):
                blocks.append(FactorBlock(channels, width, stride if index == 0 else 1, hidden))
                channels = width
        trunk: dict[str, nn.Module] = {
            "conv1": nn.Conv2d(3, 64, 7, stride=2, padding=3),
            "bn1": nn.BatchNorm2d(64),
            "relu": nn.ReLU(inplace=True),
            "maxpool": nn.MaxPool2d(3, stride=2, padding=1),
            "feature": nn.ModuleList(blocks),
        }
        super().__init__(trunk, 1024, num_classes, options=options)
        self.fc_x = _head(2048)
        self.fc_s = _head(_GROUPS * len(blocks))
        self.stages = (*self.stages, "fc_x", "fc_s")
        self.init_published_parts()

    def feature_maps(self, images: Tensor) -> Tensor:
        """Return the last map ``(N, 2048, h, w)``."""
        return self._run_blocks(images)[0]

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last map and the vectors ``(N, 1024)`` of images ``(N, 3, H, W)``."""
        maps, selections = self._run_blocks(images)
        seen = self.fc_x(maps.mean(dim=(2, 3), keepdim=True))
        chosen = self.fc_s(selections)
        return maps, ((seen + chosen) * 0.5).flatten(1)

    def _run_blocks(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = images
        for name in self.trunk_names[:-1]:
            x = self.get_submodule(name)(x)
        selections = []
        for block in self.get_submodule("feature").children():
            x, selection = block(x)
            selections.append(selection)
        return x, torch.cat(selections, dim=1)


def _head(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 1024, 1, bias=False), nn.BatchNorm2d(1024), nn.ReLU(inplace=True)
    )


@MODELS.register("mlfn")
def mlfn(num_classes: int = 1, **options: Any) -> MLFN:
    """Build MLFN."""
    return MLFN(num_classes, options=FrameOptions.of(options))
