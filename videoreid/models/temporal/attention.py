"""Temporal attention: a weighted mean over frames with learnt weights."""

from typing import Literal

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.temporal.registry import TEMPORAL, TemporalHead

__all__ = ["AttentionPool"]


@TEMPORAL.register("attention")
class AttentionPool(TemporalHead):
    """Average the frames with weights from a convolution per frame and one over three neighbouring frames.

    The published head scores maps with a convolution as large as the map (`map_size`), which fixes the input size.
    Without `map_size` the head scores the pooled vectors and takes frames of any size.

    Args:
        dim: width D of the frame vectors (and C of the maps).
        hidden: channels between the two convolutions.
        map_size: (height, width) of the maps to score; None scores the vectors.
        normalisation: how scores become weights: "softmax", or "sigmoid" scaled to sum 1.

    Raises:
        ConfigError: unknown normalisation; (in forward) no maps, or maps of another size.

    Reference:
        Gao and Nevatia, Revisiting Temporal Modeling for Video-based Person ReID, 2018, https://arxiv.org/abs/1805.02104
    """

    def __init__(
        self,
        dim: int,
        *,
        hidden: int = 256,
        map_size: tuple[int, int] | None = None,
        normalisation: Literal["softmax", "sigmoid"] = "softmax",
    ) -> None:
        super().__init__()
        if normalisation not in ("softmax", "sigmoid"):
            raise ConfigError(f"unknown normalisation {normalisation!r}; choose 'softmax' or 'sigmoid'")
        self.out_dim = dim
        self.map_size = map_size
        self.normalisation = normalisation
        self.frame_conv = nn.Conv2d(dim, hidden, map_size or 1)
        self.time_conv = nn.Conv1d(hidden, 1, 3, padding=1)

    def scores(self, features: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return one raw score per frame, ``(B, T)``, at least 0 because a ReLU is last."""
        seen = features[..., None, None] if self.map_size is None else self._checked(maps)
        hidden = torch.relu(self.frame_conv(seen.flatten(0, 1))).flatten(1)  # (B*T, hidden)
        hidden = hidden.unflatten(0, seen.shape[:2]).transpose(1, 2)  # (B, hidden, T)
        return torch.relu(self.time_conv(hidden)).squeeze(1)

    def weights(self, scores: Tensor) -> Tensor:
        """Return weights ``(B, T)`` that sum to one over the frames, from `scores`."""
        if self.normalisation == "softmax":
            return scores.softmax(dim=1)
        return nn.functional.normalize(scores.sigmoid(), p=1, dim=1)

    def forward(self, features: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return the weighted mean ``(B, D)`` of ``features (B, T, D)``."""
        return self.pool(features, self.scores(features, maps))

    def fuse(self, features: Tensor, maps: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted mean ``(B, D)``, and the raw scores ``(B, T)`` as "frame_scores".

        Raises:
            ConfigError: the number of channels of the maps is not the width of the vectors.
        """
        channels = self.frame_conv.in_channels
        if self.map_size and maps is not None and maps.shape[2] != channels:
            raise ConfigError(
                f"attention over maps needs maps as wide as the vectors, got {maps.shape[2]} and {channels} channels: "
                "leave map_size out"
            )
        scores = self.scores(features, maps)
        return self.pool(features, scores), {"frame_scores": scores}

    def pool(self, features: Tensor, scores: Tensor) -> Tensor:
        """Return the mean ``(B, D)`` of ``features (B, T, D)``, weighted by raw ``scores (B, T)``."""
        return torch.einsum("bt,btd->bd", self.weights(scores), features)

    def _checked(self, maps: Tensor | None) -> Tensor:
        if maps is None:
            raise ConfigError(f"this attention head needs maps of size {self.map_size} and was given none")
        if tuple(maps.shape[-2:]) != self.map_size:
            raise ConfigError(
                f"this attention head needs maps of size {self.map_size}, got {tuple(maps.shape[-2:])}; "
                "build the network with the height and width of its input"
            )
        return maps
