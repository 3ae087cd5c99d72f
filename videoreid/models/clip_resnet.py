"""Base class of the networks on a 3-D ResNet with plug-in modules (AP3D, SINet)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from videoreid.models.base import ReIDModel
from videoreid.models.gcm import trainable_neck
from videoreid.models.layers.bn_neck import identity_classifier
from videoreid.models.layers.resnet3d_trunk import ResNet3DTrunk, TrunkPlan
from videoreid.types import ReIDOutput

__all__ = ["ClipResNet"]


class ClipResNet(ReIDModel):
    """A 3-D ResNet, the maximum over the positions of each frame, the mean over frames, and batch normalisation.

    Losses and retrieval use the vector after the batch normalisation, whose bias is trained.

    Args:
        num_classes: number of training identities K.
        plan: convolution kinds and plug-in modules of the trunk.
        backbone: a key of `RESNET3D_DEPTHS`.
        projection: in train mode also return ``extras["projected_frames"]`` ``(B, T, D)`` for `frame_info_nce_loss`.
        height: height of the input in pixels.
        width: width of the input in pixels.
        gradient_checkpointing: less memory, more computation; see `ResNet3DTrunk`.
    """

    stages = ("backbone", "neck", "classifier")
    key_rules = ((r"^bn\.", "neck."),)
    optional_keys = (r"^projection\.",)

    def __init__(
        self,
        num_classes: int,
        plan: TrunkPlan,
        *,
        backbone: str = "resnet50",
        projection: bool = False,
        height: int = 256,
        width: int = 128,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.input_size = (height, width)
        self.backbone = ResNet3DTrunk(plan, backbone, gradient_checkpointing=gradient_checkpointing)
        dim = self.backbone.out_channels
        self.embedding_dim = dim
        self.neck = trainable_neck(dim)
        self.classifier = identity_classifier(dim, num_classes, bias=True)
        self.projection = nn.Conv1d(dim, dim, 1) if projection else None

    def frame_features(self, frames: Tensor) -> Tensor:
        """Return the vectors of the frames before the neck.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.

        Returns:
            ``(B, T, D)``.
        """
        return self._frame_vectors(self._as_clips(frames))

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        vectors = self._frame_vectors(frames)
        embedding = self.neck(vectors.mean(1))
        extras = {}
        if self.training and self.projection is not None:
            normalised = self.neck(vectors.transpose(1, 2))  # (B, D, T)
            extras["projected_frames"] = self.projection(normalised).transpose(1, 2)
        return ReIDOutput(embedding, (self.classifier(embedding),), (embedding,), extras)

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the state dict of a published, a 2-D or one of our checkpoints under our names."""
        return super().translate_state_dict(self.backbone.translate(state))

    def _frame_vectors(self, frames: Tensor) -> Tensor:
        return torch.amax(self.backbone(frames), (3, 4)).transpose(1, 2)
