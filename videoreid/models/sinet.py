"""SINet and its relatives SBNet, IDNet and SANet."""

from collections.abc import Callable
from typing import Any

from torch import nn

from videoreid.errors import ConfigError
from videoreid.models.clip_resnet import ClipResNet
from videoreid.models.factory import MODELS
from videoreid.models.layers.integration_distribution import INTEGRATION_KEY_RULES, IntegrationDistribution
from videoreid.models.layers.resnet3d_trunk import PLUGINS_AFTER, PluginBuilder, TrunkPlan, stage_map_size
from videoreid.models.layers.salient_broad import SALIENT_BROAD_KEY_RULES, SalientToBroad
from videoreid.models.layers.statistic_attention import STATISTIC_KEY_RULES, StatisticAttention

__all__ = ["SINet", "idnet", "sanet", "sbnet", "sinet", "sinet_resnet50"]

_POOL_PADDING = 0


class SINet(ClipResNet):
    """A 2-D ResNet with modules after some blocks of stages 2 and 3 that exchange information between frames.

    As published, every convolution of the trunk has a bias and the max-pooling of the stem has no padding, so stage 1
    works on maps of 63 x 31 for frames of 256 x 128.

    Args:
        num_classes: number of training identities K.
        integration: use two integration-and-distribution modules in stage 2; they fix clip length and frame size.
        transition: use three salient-to-broad modules in stage 3; they need clips of a multiple of four frames.
        statistics: use two statistic-attention modules in stage 2, instead of ``integration``.
        clip_length: clip length T, for networks with ``integration`` or ``transition``.
        height: height of the input in pixels.
        width: width of the input in pixels.
        options: options of `ClipResNet`.

    Raises:
        ConfigError: both kinds of module in stage 2, or a clip length that the modules cannot work with.

    Reference:
        Bai et al., Salient-to-Broad Transition for Video Person Re-identification, CVPR 2022; statistics: Bai et al.,
        SANet: Statistic Attention Network for Video-Based Person Re-Identification, IEEE TCSVT 2022.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        integration: bool = False,
        transition: bool = False,
        statistics: bool = False,
        clip_length: int = 4,
        height: int = 256,
        width: int = 128,
        **options: Any,
    ) -> None:
        if integration and statistics:
            raise ConfigError("stage 2 takes integration or statistics, not both")
        if clip_length < 1 or (transition and clip_length % 4):
            raise ConfigError(
                f"clip_length must be {'a multiple of 4' if transition else '1 or more'}, got {clip_length}"
            )
        positions = clip_length
        for pixels in stage_map_size((height, width), 2, pool_padding=_POOL_PADDING):
            positions *= pixels
        plugins: dict[int, dict[int, PluginBuilder]] = {}
        if integration:
            plugins[2] = dict.fromkeys(
                PLUGINS_AFTER[2], lambda channels: IntegrationDistribution(channels, positions)
            )
        if statistics:
            plugins[2] = dict.fromkeys(PLUGINS_AFTER[2], StatisticAttention)
        if transition:
            plugins[3] = {after: _transition(split) for split, after in enumerate(PLUGINS_AFTER[3])}
        plan = TrunkPlan(
            plugins=plugins,
            plugin_rules=(*INTEGRATION_KEY_RULES, *SALIENT_BROAD_KEY_RULES, *STATISTIC_KEY_RULES),
            conv_bias=True,
            pool_padding=_POOL_PADDING,
        )
        super().__init__(num_classes, plan, height=height, width=width, **options)
        if integration or transition:
            self.frames = clip_length


def _transition(split: int) -> Callable[[int], nn.Module]:
    return lambda channels: SalientToBroad(channels, split)


@MODELS.register("sinet_resnet50")
def sinet_resnet50(num_classes: int = 1, **options: Any) -> SINet:
    """Build the trunk without modules between frames."""
    return SINet(num_classes, **options)


@MODELS.register("sanet")
def sanet(num_classes: int = 1, **options: Any) -> SINet:
    """Build the network with statistic attention."""
    return SINet(num_classes, statistics=True, **options)


@MODELS.register("idnet")
def idnet(num_classes: int = 1, **options: Any) -> SINet:
    """Build the network with integration and distribution alone."""
    return SINet(num_classes, integration=True, **options)


@MODELS.register("sbnet")
def sbnet(num_classes: int = 1, **options: Any) -> SINet:
    """Build the network with the salient-to-broad transition alone, and projected frames for its contrastive loss."""
    return SINet(num_classes, transition=True, **{"projection": True, **options})


@MODELS.register("sinet")
def sinet(num_classes: int = 1, **options: Any) -> SINet:
    """Build SINet: integration and distribution in stage 2, salient-to-broad transition in stage 3."""
    return SINet(num_classes, integration=True, transition=True, **{"projection": True, **options})
