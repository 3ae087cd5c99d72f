"""Mask-guided attention as in MGCAM, with a contrast between person and background."""

from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.models import ReIDModel
from videoreid.parsing.features.frame_maps import frame_maps, map_channels
from videoreid.parsing.features.part_maps import PartMaps
from videoreid.types import Clip, ReIDOutput

__all__ = ["MaskContrast", "MaskContrastTerm"]


class MaskContrast(ReIDModel):
    """An image network whose map is split by a learnt attention into person and background.

    Masks are needed only in training, as targets of the attention. In eval mode the embedding is the feature of the
    whole picture, as published, and no parser runs. This version differs from the paper: it uses a modern backbone,
    predicts the attention on the last map, gives the streams separate classifiers only, and uses a cosine margin.

    Args:
        backbone: an image network of the library.
        parts: source of the masks, in train mode only; None for a network that is not trained.
        num_classes: number of training identities K.

    Raises:
        ConfigError: the backbone has no feature maps, or there are no parts in train mode.

    Reference:
        Song et al., Mask-guided Contrastive Attention Model for Person Re-Identification, CVPR 2018.
    """

    optional_keys = (r"^parts\.",)

    def __init__(
        self,
        backbone: ReIDModel,
        parts: PartMaps | None = None,
        *,
        num_classes: int = 1,
    ) -> None:
        super().__init__()
        self.backbone, self.parts = backbone, parts
        self.input_size = backbone.input_size
        self.pixel_mean, self.pixel_std = backbone.pixel_mean, backbone.pixel_std
        self.embedding_dim = map_channels(backbone)
        self.attention = nn.Conv2d(self.embedding_dim, 1, 3, padding=1)
        self.classifier = nn.ModuleList(nn.Linear(self.embedding_dim, num_classes) for _ in range(3))
        self.stages = ("backbone", "attention", "classifier")

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network on ``(B, T, 3, H, W)``.

        In train mode the logits are those of whole, person and background; extras hold "attention" and "mask"
        ``(B * T, 1, h, w)``, "person" and "background" ``(B, D)``.
        """
        clips, images = frames.shape[:2], frames.flatten(0, 1)
        maps = frame_maps(self.backbone, images)
        whole = maps.mean(dim=(2, 3)).unflatten(0, clips).mean(1)
        if not self.training:
            return ReIDOutput(whole, (), ())
        if self.parts is None:
            raise ConfigError("training needs masks: build MaskContrast with parts")
        mask = F.adaptive_avg_pool2d(1 - self.parts(images)[:, :1], (maps.shape[2], maps.shape[3]))
        scores = self.attention(maps)
        weights = scores.sigmoid()
        person, background = (
            (maps * share).mean(dim=(2, 3)).unflatten(0, clips).mean(1) for share in (weights, 1 - weights)
        )
        logits = tuple(
            head(vector) for head, vector in zip(self.classifier, (whole, person, background), strict=True)
        )
        extras = {"attention": scores, "mask": mask, "person": person, "background": background}
        return ReIDOutput(whole, logits, (whole,), extras)


class MaskContrastTerm(nn.Module):
    """Loss of the attention against its mask, and contrast of the whole picture with person and background.

    Args:
        margin: by how much the cosine to the person should exceed the cosine to the background.
        mask_weight: weight of the binary cross-entropy between attention and mask.

    Raises:
        ConfigError: a number below 0.
    """

    def __init__(self, margin: float = 0.3, *, mask_weight: float = 0.1) -> None:
        super().__init__()
        if margin < 0 or mask_weight < 0:
            raise ConfigError(f"margin and mask_weight must be 0 or more, got {margin} and {mask_weight}")
        self.margin, self.mask_weight = margin, mask_weight

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss from the output of `MaskContrast`."""
        extras = output.extras
        near = F.cosine_similarity(output.embedding, extras["person"])
        far = F.cosine_similarity(output.embedding, extras["background"])
        contrast = (far - near + self.margin).clamp_min(0).mean()
        mask = F.binary_cross_entropy_with_logits(extras["attention"], extras["mask"].clamp(0, 1))
        return contrast + self.mask_weight * mask
