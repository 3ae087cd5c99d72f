"""MRA: multi-range aggregation, our own design under the published names of its modules."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.backbones import build_backbone
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.layers.gem import GeM
from videoreid.models.layers.range_aggregation import (
    GlobalReference,
    RangeFeatures,
    StepwiseFusion,
    average_windows,
)
from videoreid.models.layers.resnet_trunk import IMAGENET_KEY_RULES
from videoreid.types import ReIDOutput

__all__ = ["MRA", "mra"]


class MRA(ReIDModel):
    """Average a clip over windows of 1, 2, 4, ... frames and fuse the ranges from the shortest to the longest.

    Only the names of three modules and results are published, no code and no description. This is our design under
    these names: Range Feature Generation computes motion-gated maps of every range, the Global Reference Module gates
    each range by comparison with the whole clip, the Stepwise Fusion Module adds one longer range per step. Every step
    has a head with classification and metric losses; retrieval uses the last head. There are no published weights for
    it; ImageNet weights can be loaded into the trunk.

    Args:
        num_classes: number of training identities K.
        backbone: see `videoreid.models.build_backbone`.
        ranges: window sizes in frames, each a multiple of the previous one. The last range is always the whole clip, so
            clips of any length work.
        use_rfg: use range feature generation; else a range feature is the mean of its frames.
        use_grm: use the global reference module; else range features are not gated.
        use_sfm: use the stepwise fusion module; else range features are averaged and there is a single head.
        height: height of the input in pixels; any size works.
        width: width of the input in pixels.

    Raises:
        ConfigError: a range that is not a multiple of the previous one.
    """

    stages = ("backbone", "generate", "relate", "fuse", "pool", "necks", "classifiers")
    map_layer = "backbone"
    key_rules = IMAGENET_KEY_RULES

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "resnet50",
        ranges: Sequence[int] = (1, 2, 4),
        use_rfg: bool = True,
        use_grm: bool = True,
        use_sfm: bool = True,
        height: int = 256,
        width: int = 128,
    ) -> None:
        super().__init__()
        self.ranges = _checked(ranges)
        self.input_size = (height, width)
        self.backbone = build_backbone(backbone)
        dim, steps = self.backbone.out_channels, len(self.ranges)
        self.embedding_dim = dim
        self.generate = RangeFeatures(dim, steps) if use_rfg else None
        self.relate = GlobalReference(dim) if use_grm else None
        self.fuse = nn.ModuleList(StepwiseFusion(dim) for _ in range(steps - 1)) if use_sfm else None
        self.pool = GeM(axes=2)
        heads = steps if use_sfm else 1
        self.necks = nn.ModuleList(bn_neck(dim) for _ in range(heads))
        self.classifiers = nn.ModuleList(
            identity_classifier(dim, num_classes, bias=False) for _ in range(heads)
        )

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        maps = self.backbone(frames)
        sizes = self._sizes(maps.shape[1])
        if self.generate is None:
            windows = [average_windows(maps, size) for size in sizes]
        else:
            windows = self.generate(maps, sizes)
        if self.relate is not None:
            reference = maps.mean(1)
            windows = [self.relate(window, reference) for window in windows]
        vectors = [self.pool(state).mean(1) for state in self._fused(windows, sizes)]
        if self.fuse is None:
            vectors = [torch.stack(vectors).mean(0)]
        features = tuple(neck(vector) for neck, vector in zip(self.necks, vectors, strict=True))
        logits = tuple(classify(vector) for classify, vector in zip(self.classifiers, features, strict=True))
        return ReIDOutput(features[-1], logits, features)

    def _fused(self, windows: list[Tensor], sizes: Sequence[int]) -> list[Tensor]:
        """Return the state after every step; without the fusion module, the range features."""
        if self.fuse is None:
            return windows
        states = [windows[0]]
        for index, step in enumerate(self.fuse):
            group = -(-sizes[index + 1] // sizes[index])
            states.append(step(states[-1], windows[index + 1], group))
        return states

    def _sizes(self, num_frames: int) -> list[int]:
        """Return the window sizes for clips of T frames: at most T, and T for the last range."""
        return [*(min(size, num_frames) for size in self.ranges[:-1]), num_frames]


def _checked(ranges: Sequence[int]) -> tuple[int, ...]:
    positive = bool(ranges) and min(ranges) >= 1
    if not positive or any(longer % shorter for shorter, longer in pairwise(ranges)):
        raise ConfigError(
            f"ranges must be multiples of the previous one, as in (1, 2, 4); got {tuple(ranges)}"
        )
    return tuple(ranges)


@MODELS.register("mra")
def mra(num_classes: int = 1, **options: Any) -> MRA:
    """Build multi-range aggregation; see `MRA`."""
    return MRA(num_classes, **options)
