"""The ResNet trunk of the video networks, with optional modules between its blocks."""

from collections.abc import Callable, Mapping
from typing import Any

import torchvision
from torch import Tensor, nn

from videoreid.errors import ConfigError

__all__ = ["IMAGENET_KEY_RULES", "RESNET_DEPTHS", "ResNetTrunk"]

RESNET_DEPTHS = ("resnet18", "resnet18_half", "resnet34", "resnet50", "resnet101", "resnet152")

IMAGENET_KEY_RULES: tuple[tuple[str, str | None], ...] = (
    (r"^(conv1|bn1|layer[1-4])\.", r"backbone.\1."),
    (r"^fc\.", None),
)
"""Rules that map torchvision's ImageNet weights to a network with a trunk called ``backbone``."""


class ResNetTrunk(nn.Module):
    """A torchvision ResNet without pooling and classifier, run on every frame of a clip.

    Modules can be inserted after the last blocks of a stage: with k modules in a stage of L blocks, module j follows
    block L-k+j. They get the clip length T as an argument, because their maps are flattened to ``(B*T, C, h, w)``.

    Args:
        name: "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", or "resnet18_half": half the channels, for
            small machines; no published weights fit it.
        last_stride: stride of the last stage; 1 gives maps at 1/16 of the input size, 2 (torchvision) at 1/32.
        stem_relu: use a ReLU between the first batch normalisation and the max-pooling; VPReID's networks have none.
        inserts: stage (1..4) to (number of modules, function from channels to a module whose forward takes maps
            ``(B*T, C, h, w)`` and T). At most one module per block is inserted.

    Raises:
        ConfigError: unknown name.
    """

    def __init__(
        self,
        name: str = "resnet50",
        *,
        last_stride: int = 1,
        stem_relu: bool = True,
        inserts: Mapping[int, tuple[int, Callable[[int], nn.Module]]] | None = None,
    ) -> None:
        super().__init__()
        if name not in RESNET_DEPTHS:
            raise ConfigError(f"unknown backbone {name!r}; choose one of {', '.join(RESNET_DEPTHS)}")
        net = _half_width() if name == "resnet18_half" else torchvision.models.get_model(name, weights=None)
        self.conv1, self.bn1, self.maxpool = net.conv1, net.bn1, net.maxpool
        self.relu = nn.ReLU(inplace=True) if stem_relu else nn.Identity()
        self.layer1, self.layer2, self.layer3, self.layer4 = net.layer1, net.layer2, net.layer3, net.layer4
        _set_stride(self.layer4[0], last_stride)
        self.inserts = nn.ModuleDict()
        for stage, (count, build) in (inserts or {}).items():
            blocks = getattr(self, f"layer{stage}")
            channels = _width(blocks)
            self.inserts[str(stage)] = nn.ModuleList(build(channels) for _ in range(min(count, len(blocks))))
        self.out_channels = _width(self.layer4)
        self.stride = 16 * last_stride

    def map_size(self, height: int, width: int) -> tuple[int, int]:
        """Return (height, width) of the maps of frames of this size."""
        return -(-height // self.stride), -(-width // self.stride)

    def forward(self, frames: Tensor) -> Tensor:
        """Return maps ``(B, T, C, h, w)`` of clips ``(B, T, 3, H, W)``."""
        num_frames = frames.shape[1]
        maps = self.maxpool(self.relu(self.bn1(self.conv1(frames.flatten(0, 1)))))
        for stage in range(1, 5):
            maps = self._run_stage(stage, maps, num_frames)
        return maps.unflatten(0, (-1, num_frames))

    def _run_stage(self, stage: int, maps: Tensor, num_frames: int) -> Tensor:
        blocks = getattr(self, f"layer{stage}")
        inserts = [*self.inserts[str(stage)]] if str(stage) in self.inserts else []  # type: ignore[misc]
        first = len(blocks) - len(inserts)
        for index, block in enumerate(blocks):
            maps = block(maps)
            if index >= first:
                maps = inserts[index - first](maps, num_frames)
        return maps


class _HalfResNet(torchvision.models.ResNet):
    """torchvision's ResNet with half the channels in every stage."""

    inplanes: int

    def _make_layer(self, block: Any, planes: int, *args: Any, **kwargs: Any) -> nn.Sequential:
        if planes == 64:
            self.inplanes = 32
        return super()._make_layer(block, planes // 2, *args, **kwargs)


def _half_width() -> Any:
    net = _HalfResNet(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2])
    net.conv1 = nn.Conv2d(3, 32, 7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out")
    net.bn1 = nn.BatchNorm2d(32)
    return net


def _width(blocks: nn.Sequential) -> int:
    norms = [module for module in blocks[-1].modules() if isinstance(module, nn.BatchNorm2d)]
    return norms[-1].num_features


def _set_stride(block: Any, stride: int) -> None:
    """Set the stride of a stage's first block (torchvision keeps it on the 3x3 convolution)."""
    strided = block.conv2 if hasattr(block, "conv3") else block.conv1
    for conv in (strided, block.downsample[0]):
        conv.stride = (stride, stride)
