"""Image networks on clips: the trunk runs on every frame, a temporal head fuses the frame vectors."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.temporal import build_temporal
from videoreid.types import ReIDOutput

__all__ = ["FrameNetwork", "FrameOptions", "init_as_published"]


@dataclass(frozen=True)
class FrameOptions:
    """Options that every image network takes.

    Args:
        temporal: temporal head, a name of `videoreid.models.temporal.TEMPORAL`.
        temporal_options: options of the temporal head (``{"hidden": 256}``).
        neck: add a BN neck and use a classifier without bias. The embedding is then the vector after the neck; metric
            losses use the vector before it.
    """

    temporal: str = "average"
    temporal_options: Mapping[str, Any] = field(default_factory=dict)
    neck: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "FrameOptions":
        """Return a record of keyword arguments.

        Raises:
            ConfigError: unknown option.
        """
        known = [option.name for option in fields(cls)]
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise ConfigError(f"image networks take no option {unknown[0]!r}; they take: {', '.join(known)}")
        return cls(**options)


class FrameNetwork(ReIDModel):
    """An image network with published parameter names that takes clips.

    The modules of the trunk are children of this module with their published names and no prefix, so checkpoints of
    image networks fit unchanged. Frames ``(B, T, 3, H, W)`` run as images ``(B*T, 3, H, W)``; the temporal head fuses
    their vectors. With T = 1 and a pooling head the embedding equals the published one.

    Args:
        trunk: child modules by published name, in the order of the data flow; they are also the stages of `freeze`.
        dim: width D of a frame vector.
        num_classes: number of training identities K.
        embedder: module after global pooling (published as ``fc``), or None.
        options: temporal head and neck.

    Reference:
        Gao and Nevatia, Revisiting Temporal Modeling for Video-based Person ReID, 2018, https://arxiv.org/abs/1805.02104
    """

    # with this layout depthwise networks need about three quarters of the CPU time (benchmarks/memory_layout.py)
    channels_last_on_cpu: ClassVar[bool] = False
    classifier: nn.Module

    def __init__(
        self,
        trunk: Mapping[str, nn.Module],
        dim: int,
        num_classes: int,
        *,
        embedder: nn.Module | None = None,
        options: FrameOptions | None = None,
    ) -> None:
        super().__init__()
        options = options or FrameOptions()
        for name, module in trunk.items():
            self.add_module(name, module)
        self.trunk_names = tuple(trunk)
        if embedder is not None:
            self.fc = embedder
        self.temporal = build_temporal(options.temporal, dim, **options.temporal_options)
        self.embedding_dim = self.temporal.out_dim
        self.neck = bn_neck(self.embedding_dim) if options.neck else None
        self.stages = (*self.trunk_names, *(("fc",) if embedder is not None else ()))
        self.build_classifiers(num_classes, bias=not options.neck)

    def init_published_parts(self) -> None:
        """Initialise trunk, embedder and, without a neck, the classifier as published."""
        for name in (*self.stages, *(("classifier",) if self.neck is None else ())):
            init_as_published(getattr(self, name))

    def build_classifiers(self, num_classes: int, *, bias: bool) -> None:
        """Create ``classifier``; networks with several classifiers override this and `classify`."""
        if bias:
            self.classifier = nn.Linear(self.embedding_dim, num_classes)
        else:
            self.classifier = identity_classifier(self.embedding_dim, num_classes, bias=False)

    def feature_maps(self, images: Tensor) -> Tensor:
        """Return the maps ``(N, C, h, w)`` of images ``(N, 3, H, W)`` before pooling."""
        for name in self.trunk_names:
            images = getattr(self, name)(images)
        return images

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps ``(N, C, h, w)`` and the vectors ``(N, D)`` of images ``(N, 3, H, W)``."""
        maps = self.feature_maps(images)
        vectors = maps.mean(dim=(2, 3))
        return maps, self.fc(vectors) if "fc" in self.stages else vectors

    def published_vectors(self, vectors: Tensor) -> Tensor:
        """Return the eval-mode output of the image network for vectors ``(..., D)`` (part networks normalise)."""
        return vectors

    def split_features(self, features: Tensor) -> tuple[Tensor, ...]:
        """Split clip vectors ``(B, D)`` into the features of the metric-learning heads."""
        return (features,)

    def classify(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return one ``(B, K)`` per classifier for clip vectors ``(B, D)``."""
        return (self.classifier(features),)

    def pool_frames(self, vectors: Tensor, maps: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Run the temporal head.

        Args:
            vectors: ``(B, T, D)``.
            maps: ``(B, T, C, h, w)`` before pooling, or None.

        Returns:
            ``(B, embedding_dim)`` and the named extras ("frame_scores" ``(B, T)`` of attention).
        """
        return self.temporal.fuse(vectors, maps)

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network on ``(B, T, 3, H, W)``."""
        clips = frames.shape[:2]
        images = frames.flatten(0, 1)
        if self.channels_last_on_cpu and images.device.type == "cpu":
            images = images.contiguous(memory_format=torch.channels_last)
        maps, vectors = (part.unflatten(0, clips) for part in self.encode(images))
        published = self.published_vectors(vectors)
        pooled, extras = self.pool_frames(published, maps)
        embedding = pooled if self.neck is None else self.neck(pooled)
        if not self.training:
            return ReIDOutput(embedding, (), (), extras)
        features = pooled
        if published is not vectors and self.neck is None and not list(self.temporal.parameters()):
            # as published, classifiers get vectors before normalisation; heads with parameters need one scale
            features = self.temporal(vectors, maps)
        logits = self.classify(features if self.neck is None else embedding)
        return ReIDOutput(embedding, logits, self.split_features(features), extras)


def init_as_published(network: nn.Module) -> None:
    """Initialise weights like the published image networks.

    Convolutions: Kaiming normal by fan-out; norms: 1 and 0; linear layers: N(0, 0.01) and 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.InstanceNorm2d):
            if module.affine:
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
