"""Embeddings of body parts with their visibility."""

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models import ReIDModel
from videoreid.parsing.features.frame_maps import frame_maps, map_channels
from videoreid.parsing.features.part_maps import PartMaps
from videoreid.parsing.features.part_pooling import pool_parts
from videoreid.types import ReIDOutput

__all__ = ["VisibleParts", "join_parts", "split_parts"]


class VisibleParts(ReIDModel):
    """A vector and a visibility for every part; compare embeddings by `visible_part_distance`.

    The embedding holds, for each part, its vector times its visibility, and then the visibilities. Their mean over
    frames and clips is the mean weighted by visibility, so a part that is hidden in one frame comes from the others.
    The first part is the whole foreground, whose visibility is 1 if there is any foreground.

    Args:
        backbone: an image network of the library.
        parts: soft parts of the same pictures; not trained.
        num_classes: number of training identities K.
        typical: ``(P,)`` share of the picture that each part covers for a fully visible person, without the background
            (`typical_shares`); a part that covers as much or more has visibility 1. None uses the share as visibility.
        head: layer of the backbone after pooling (``backbone.fc`` of OSNet), applied to the vector of every part; None
            uses the pooled vectors.

    Raises:
        ConfigError: the backbone has no feature maps, or ``typical`` has another length.

    Reference:
        Miao et al., Pose-Guided Feature Alignment for Occluded Person Re-Identification, ICCV 2019, which matches
        the parts that both pictures show.
    """

    typical: Tensor | None

    def __init__(
        self,
        backbone: ReIDModel,
        parts: PartMaps,
        *,
        num_classes: int = 1,
        typical: Tensor | None = None,
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.backbone, self.parts = backbone, parts
        self.input_size = backbone.input_size
        self.pixel_mean, self.pixel_std = backbone.pixel_mean, backbone.pixel_std
        self.num_parts = parts.num_parts  # the foreground takes the place of the background
        self.head = head
        self.part_dim = map_channels(backbone) if head is None else backbone.embedding_dim
        self.embedding_dim = self.num_parts * (self.part_dim + 1)
        if typical is not None and typical.shape != (self.num_parts - 1,):
            raise ConfigError(
                f"typical must hold {self.num_parts - 1} shares, one per part, got {tuple(typical.shape)}"
            )
        self.register_buffer("typical", typical)
        self.classifier = nn.ModuleList(nn.Linear(self.part_dim, num_classes) for _ in range(self.num_parts))
        self.stages = ("backbone", "classifier")

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network on ``(B, T, 3, H, W)``; each part has a classifier in train mode."""
        images = frames.flatten(0, 1)
        probabilities = self.parts(images)
        parts = torch.cat([1 - probabilities[:, :1], probabilities[:, 1:]], dim=1)
        vectors, shares = pool_parts(frame_maps(self.backbone, images), parts)
        if self.head is not None:
            vectors = self.head(vectors.flatten(0, 1)).unflatten(0, vectors.shape[:2])
        visibility = self._visibility(shares)
        weighted = (vectors * visibility.unsqueeze(2)).unflatten(0, frames.shape[:2]).mean(1)  # (B, P, D)
        seen = visibility.unflatten(0, frames.shape[:2]).mean(1)
        embedding = join_parts(weighted, seen)
        if not self.training:
            return ReIDOutput(embedding, (), (), {"visibility": seen})
        means = weighted / seen.clamp_min(1e-6).unsqueeze(2)
        logits = tuple(head(means[:, part]) for part, head in enumerate(self.classifier))
        return ReIDOutput(embedding, logits, (means.flatten(1),), {"visibility": seen})

    def _visibility(self, shares: Tensor) -> Tensor:
        foreground = (shares[:, :1] > 1e-3).to(shares.dtype)
        parts = shares[:, 1:]
        if self.typical is not None:
            parts = (parts / self.typical.clamp_min(1e-6)).clamp_max(1)
        return torch.cat([foreground, parts], dim=1)


def join_parts(weighted: Tensor, visibility: Tensor) -> Tensor:
    """Return the embedding ``(N, P * (D + 1))`` of weighted vectors ``(N, P, D)`` and visibilities ``(N, P)``."""
    return torch.cat([weighted.flatten(1), visibility], dim=1)


def split_parts(embedding: Tensor, num_parts: int) -> tuple[Tensor, Tensor]:
    """Return the weighted vectors ``(N, P, D)`` and the visibilities ``(N, P)`` of an embedding.

    Raises:
        ConfigError: the width is not a multiple of the number of parts.
    """
    if embedding.ndim != 2 or embedding.shape[1] % num_parts or embedding.shape[1] == num_parts:
        raise ConfigError(
            f"expected embeddings (N, {num_parts} * (D + 1)) of VisibleParts, got {tuple(embedding.shape)}"
        )
    weighted, visibility = embedding[:, :-num_parts], embedding[:, -num_parts:]
    return weighted.unflatten(1, (num_parts, -1)), visibility
