"""A ResNet over clips with temporal convolutions in some blocks and plug-in modules after some blocks."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.layers.recomputed import recomputed
from videoreid.models.layers.residual3d import RESNET3D_DEPTHS, block_of, inflate
from videoreid.models.layers.temporal_convs import (
    TEMPORAL_CONV_KEY_RULES,
    ConvKind,
    check_kind,
    temporal_conv,
)

__all__ = ["PLUGINS_AFTER", "PluginBuilder", "ResNet3DTrunk", "TrunkPlan", "stage_map_size"]

PluginBuilder = Callable[[int], nn.Module]

_CONVS_IN: Mapping[int, tuple[int, ...]] = {2: (0, 2), 3: (0, 2, 4)}
PLUGINS_AFTER: Mapping[int, tuple[int, ...]] = {2: (1, 3), 3: (1, 3, 5)}
"""Stage to the indices of the blocks after which the published networks insert a module."""


@dataclass(frozen=True)
class TrunkPlan:
    """The options by which the networks of this family differ.

    Args:
        conv: kind of the convolutions in blocks 0 and 2 of stage 2 and 0, 2 and 4 of stage 3.
        plugins: stage to {block: function from channels to the module after that block}; the module maps
            ``(B, C, T, h, w)`` to the same shape. Entries for blocks that a small trunk does not have are ignored.
        plugin_rules: (published, ours): prefixes of the parameter names of these modules.
        conv_bias: give every convolution a bias.
        pool_padding: padding of the max-pooling of the stem.
        last_stride: spatial stride of stage 4.
    """

    conv: ConvKind = "c2d"
    plugins: Mapping[int, Mapping[int, PluginBuilder]] = field(default_factory=dict)
    plugin_rules: tuple[tuple[str, str], ...] = ()
    conv_bias: bool = False
    pool_padding: int = 1
    last_stride: int = 1


class ResNet3DTrunk(nn.Module):
    """A ResNet without pooling and classifier on maps ``(B, C, T, h, w)``; it keeps the number of frames.

    Args:
        plan: convolution kinds and plug-in modules.
        backbone: a key of `RESNET3D_DEPTHS`.
        gradient_checkpointing: keep only the input of every block and run the block again in the backward pass.

    Raises:
        ConfigError: unknown backbone or kind of convolution.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(
        self, plan: TrunkPlan, backbone: str = "resnet50", *, gradient_checkpointing: bool = False
    ) -> None:
        super().__init__()
        if backbone not in RESNET3D_DEPTHS:
            raise ConfigError(f"unknown backbone {backbone!r}; choose one of {', '.join(RESNET3D_DEPTHS)}")
        check_kind(plan.conv)
        self.plan = plan
        self.gradient_checkpointing = gradient_checkpointing
        block = block_of(backbone)
        channels = first = 32 if backbone == "resnet18_half" else 64
        self.conv1 = nn.Conv3d(3, first, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=plan.conv_bias)
        self.bn1 = nn.BatchNorm3d(first)
        self.maxpool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, plan.pool_padding, plan.pool_padding))
        for index, blocks in enumerate(RESNET3D_DEPTHS[backbone]):
            stride = (1, 2, 2, plan.last_stride)[index]
            width = first * 2**index
            layer = [block(channels, width, stride=stride, bias=plan.conv_bias)]
            channels = width * block.expansion
            layer += [block(channels, width, bias=plan.conv_bias) for _ in range(blocks - 1)]
            setattr(self, f"layer{index + 1}", nn.Sequential(*layer))
        self.out_channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        self._see_time()
        self.plugins = self._build_plugins()

    def _see_time(self) -> None:
        for stage, chosen in _CONVS_IN.items():
            blocks = getattr(self, f"layer{stage}")
            for index in chosen:
                if index < len(blocks):
                    blocks[index].conv2 = temporal_conv(self.plan.conv, blocks[index].conv2)

    def _build_plugins(self) -> nn.ModuleDict:
        built = nn.ModuleDict()
        for stage, after in self.plan.plugins.items():
            blocks = getattr(self, f"layer{stage}")
            channels = blocks[-1].bn1.num_features * blocks[-1].expansion
            built[str(stage)] = nn.ModuleDict(
                {str(index): build(channels) for index, build in after.items() if index < len(blocks)}
            )
        return built

    def forward(self, frames: Tensor) -> Tensor:
        """Return maps ``(B, C, T, h, w)`` of clips ``(B, T, 3, H, W)``."""
        maps = self.stem(frames)
        for stage in range(1, 5):
            maps = self.run_stage(stage, maps)
        return maps

    def stem(self, frames: Tensor) -> Tensor:
        """Return the pooled maps ``(B, C, T, h, w)`` before stage 1 of clips ``(B, T, 3, H, W)``."""
        pooled: Tensor = self.maxpool(torch.relu(self.bn1(self.conv1(frames.transpose(1, 2)))))
        return pooled

    def run_stage(self, stage: int, maps: Tensor) -> Tensor:
        """Return the maps ``(B, C, T, h, w)`` after a stage (1..4), its plug-in modules included."""
        plugins = self._plugins_of(str(stage))
        for index, block in enumerate(getattr(self, f"layer{stage}")):
            maps = recomputed(block, maps) if self.gradient_checkpointing and self.training else block(maps)
            if str(index) in plugins:
                maps = plugins[str(index)](maps)
        return maps

    def _plugins_of(self, stage: str) -> dict[str, nn.Module]:
        return dict(self.plugins[stage].items()) if stage in self.plugins else {}  # type: ignore[operator]

    def translate(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a checkpoint with the trunk's entries under our names; other entries pass unchanged.

        Known layouts: a 2-D ResNet (its kernels become the middle frame), the trunk of another network of this library,
        and the published layout of this family, in which inserted modules count as blocks.

        Args:
            state: state dict of the whole network; our names of the trunk begin with ``backbone.``.
        """
        flat = any(
            value.ndim == 4 and re.match(r"(backbone\.)?(conv1|layer\d\.0\.conv1)\.weight$", name)
            for name, value in state.items()
        )
        own = self.state_dict()
        translated = {}
        for name, value in state.items():
            if name.startswith("fc."):
                continue
            ours = re.match(r"backbone\.(.*)", name)
            key = ours[1] if ours else name
            if re.match(r"(conv1|bn1|layer\d)\.", key):
                key = self._own_key(key if ours or flat else self._without_shift(key), own)
                if value.ndim == 4 and key in own and own[key].ndim == 5:
                    value = inflate(value, own[key].shape[2])
                name = f"backbone.{key}"
            translated[name] = value
        return translated

    def _without_shift(self, key: str) -> str:
        """Replace the published index, which counts inserted modules, by our block index or module name."""
        found = re.match(r"layer(\d)\.(\d+)\.(.*)", key)
        if not found:
            return key
        stage, number, rest = found[1], int(found[2]), found[3]
        after = self._plugins_of(stage)
        members = []
        for index in range(len(getattr(self, f"layer{stage}"))):
            members += [f"layer{stage}.{index}."]
            members += [f"plugins.{stage}.{index}."] if str(index) in after else []
        if number >= len(members):
            return key
        if members[number].startswith("plugins"):
            rest = _renamed(rest, self.plan.plugin_rules)
        return members[number] + rest

    @staticmethod
    def _own_key(key: str, own: Mapping[str, Tensor]) -> str:
        head, conv, rest = key.partition(".conv2.")
        if not conv or key in own:
            return key
        candidates = [_renamed(rest, TEMPORAL_CONV_KEY_RULES), f"spatial.{rest}", f"conv.{rest}"]
        return next((name for end in candidates if (name := f"{head}.conv2.{end}") in own), key)


def stage_map_size(size: tuple[int, int], stage: int, *, pool_padding: int = 1) -> tuple[int, int]:
    """Return (height, width) of the maps of stage 2 or 3 for frames of ``size``."""

    def shrink(pixels: int) -> int:
        pooled = (-(-pixels // 2) + 2 * pool_padding - 3) // 2 + 1
        for _ in range(stage - 1):
            pooled = -(-pooled // 2)
        return pooled

    return shrink(size[0]), shrink(size[1])


def _renamed(key: str, rules: tuple[tuple[str, str], ...]) -> str:
    for theirs, ours in rules:
        if key.startswith(theirs):
            return ours + key[len(theirs) :]
    return key
