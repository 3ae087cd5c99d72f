"""Dilated ResNet stages with output stride 16, for segmentation networks."""

from typing import Literal

from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from videoreid.errors import ConfigError

__all__ = ["Stem", "dilated_resnet_stages", "stage_widths"]

Stem = Literal["deep", "plain"]

_LAYOUTS: dict[str, tuple[type[BasicBlock | Bottleneck], tuple[int, int, int, int], int]] = {
    "resnet18_half": (BasicBlock, (2, 2, 2, 2), 32),
    "resnet18": (BasicBlock, (2, 2, 2, 2), 64),
    "resnet50": (Bottleneck, (3, 4, 6, 3), 64),
    "resnet101": (Bottleneck, (3, 4, 23, 3), 64),
}


def dilated_resnet_stages(name: str, *, stem: Stem = "deep") -> dict[str, nn.Module]:
    """Build the children of a ResNet whose last stage has dilation 2 instead of stride 2.

    The children have their published names, without a prefix. The last stage has stride 1 and dilation 2 in every 3x3
    convolution, so its maps have one sixteenth of the input size.

    Args:
        name: "resnet101", "resnet50", "resnet18", or "resnet18_half": half the channels, for small machines.
        stem: "deep": three 3x3 convolutions, as in pre-trained segmentation networks; "plain": torchvision's 7x7
            convolution, so that torchvision's ImageNet weights fit.

    Returns:
        Name to module, in the order of the data flow: ``conv1`` ... ``maxpool``, then ``layer1`` to ``layer4``.

    Raises:
        ConfigError: unknown name or stem.

    Reference:
        Chen et al., Rethinking Atrous Convolution for Semantic Image Segmentation, 2017, https://arxiv.org/abs/1706.05587
    """
    if name not in _LAYOUTS:
        raise ConfigError(f"unknown trunk {name!r}; choose one of {', '.join(_LAYOUTS)}")
    if stem not in ("deep", "plain"):
        raise ConfigError(f"unknown stem {stem!r}; choose 'deep' or 'plain'")
    block, depths, base = _LAYOUTS[name]
    stages = _deep_stem(base) if stem == "deep" else _plain_stem(base)
    channels = 2 * base if stem == "deep" else base
    for stage, depth in enumerate(depths):
        planes = base * 2**stage
        stride = 2 if stage in (1, 2) else 1
        stages[f"layer{stage + 1}"] = _stage(block, channels, planes, depth, stride)
        channels = planes * block.expansion
    _dilate(stages["layer4"], 2)
    for module in nn.ModuleList(stages.values()).modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return stages


def stage_widths(name: str) -> tuple[int, int, int, int]:
    """Return the output channels of ``layer1`` to ``layer4`` of a trunk."""
    block, _, base = _LAYOUTS[name]
    first, second, third, fourth = (base * 2**stage * block.expansion for stage in range(4))
    return first, second, third, fourth


def _deep_stem(base: int) -> dict[str, nn.Module]:
    widths = ((3, base, 2), (base, base, 1), (base, 2 * base, 1))
    stages: dict[str, nn.Module] = {}
    for number, (channels, out, stride) in enumerate(widths, 1):
        stages[f"conv{number}"] = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        stages[f"bn{number}"] = nn.BatchNorm2d(out)
        stages[f"relu{number}"] = nn.ReLU(inplace=True)
    stages["maxpool"] = nn.MaxPool2d(3, stride=2, padding=1)
    return stages


def _plain_stem(base: int) -> dict[str, nn.Module]:
    return {
        "conv1": nn.Conv2d(3, base, 7, stride=2, padding=3, bias=False),
        "bn1": nn.BatchNorm2d(base),
        "relu1": nn.ReLU(inplace=True),
        "maxpool": nn.MaxPool2d(3, stride=2, padding=1),
    }


def _stage(
    block: type[BasicBlock | Bottleneck], channels: int, planes: int, depth: int, stride: int
) -> nn.Sequential:
    out = planes * block.expansion
    shortcut = None
    if stride != 1 or channels != out:
        shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))
    blocks = [block(channels, planes, stride, shortcut)]
    blocks += [block(out, planes) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def _dilate(stage: nn.Module, dilation: int) -> None:
    """Set the dilation of every 3x3 convolution; torchvision's basic block has no argument for it."""
    for module in stage.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            module.dilation = module.padding = (dilation, dilation)
