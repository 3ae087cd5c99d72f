"""SPReID: features of foreground, parts and whole picture in one vector."""

import torch
from torch import Tensor, nn

from videoreid.models import ReIDModel
from videoreid.parsing.features.frame_maps import frame_maps, map_channels
from videoreid.parsing.features.part_maps import PartMaps
from videoreid.parsing.features.part_pooling import pool_parts
from videoreid.types import ReIDOutput

__all__ = ["SoftPartPooling"]


class SoftPartPooling(ReIDModel):
    """Foreground, strongest part and whole picture, pooled from the maps of any image network.

    The vector is [mean over the foreground, element-wise maximum of the means over the parts, mean over the picture].
    The parts are resized to the grid of the maps (the authors enlarge the maps instead), and an absent part counts as
    zeros, while the original divides by zero. The vector of a clip is the mean over its frames.

    Args:
        backbone: an image network of the library.
        parts: soft parts of the same pictures; not trained.
        num_classes: number of training identities K.

    Raises:
        ConfigError: the backbone has no feature maps.

    Reference:
        Kalayeh et al., Human Semantic Parsing for Person Re-identification, CVPR 2018,
        https://arxiv.org/abs/1804.00216
    """

    def __init__(self, backbone: ReIDModel, parts: PartMaps, *, num_classes: int = 1) -> None:
        super().__init__()
        self.backbone, self.parts = backbone, parts
        self.input_size = backbone.input_size
        self.pixel_mean, self.pixel_std = backbone.pixel_mean, backbone.pixel_std
        self.embedding_dim = 3 * map_channels(backbone)
        self.classifier = nn.Linear(self.embedding_dim, num_classes)
        self.stages = ("backbone", "classifier")

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network on ``(B, T, 3, H, W)``."""
        images = frames.flatten(0, 1)
        maps, parts = frame_maps(self.backbone, images), self.parts(images)
        foreground, _ = pool_parts(maps, 1 - parts[:, :1])
        vectors, _ = pool_parts(maps, parts[:, 1:])
        whole = maps.mean(dim=(2, 3))
        joined = torch.cat([foreground.squeeze(1), vectors.amax(1), whole], dim=1)
        embedding = joined.unflatten(0, frames.shape[:2]).mean(1)
        if not self.training:
            return ReIDOutput(embedding, (), ())
        return ReIDOutput(embedding, (self.classifier(embedding),), (embedding,))
