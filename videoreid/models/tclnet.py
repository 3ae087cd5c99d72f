"""TCLNet: temporal complementary learning from pairs of frames."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.models.factory import MODELS
from videoreid.models.gcm import trainable_neck
from videoreid.models.layers.bn_neck import identity_classifier
from videoreid.models.layers.residual3d import inflate
from videoreid.models.layers.resnet3d_trunk import ResNet3DTrunk, TrunkPlan
from videoreid.models.layers.temporal_saliency import (
    SALIENCY_BOOST_KEY_RULES,
    SaliencyBoosting,
    SaliencyErasing,
)
from videoreid.types import ReIDOutput

__all__ = ["TCLNet", "tclnet"]

_PAIR = 2


class TCLNet(ReIDModel):
    """Frames pass stage 4 in pairs; in the second frame the rows that correlate most with the first are erased.

    First and second frames share stage 4 except for the last block, which exists twice. The vectors of the first and of
    the second frames are averaged over the clip; each of the two has its own batch normalisation, classifier and metric
    loss. The embedding is the two concatenated vectors, each L2-normalised.

    Args:
        num_classes: number of training identities K.
        backbone: a key of `RESNET3D_DEPTHS`.
        clip_length: T, a multiple of 2.
        height: height of the input in pixels; any size works.
        width: width of the input in pixels.
        gradient_checkpointing: less memory, more computation, in stages 1 to 3.

    Raises:
        ConfigError: an odd clip length, or an unknown backbone.

    Reference:
        Hou et al., Temporal Complementary Learning for Video Person Re-identification, ECCV 2020.
        https://arxiv.org/abs/2007.09357
    """

    stages = ("backbone", "erasing", "branches", "necks", "classifiers")
    key_rules = (
        (r"^TSE_Module\.layer4\.", "backbone.layer4."),
        (r"^TSE_Module\.branch\.", "branches."),
        (r"^TSE_Module\.conv_reduce\.", "erasing.reduce."),
        (r"^TSE_Module\.conv_erase\.0\.", "erasing.expand."),
        (r"^TSE_Module\.conv_erase\.1\.", "erasing.norm."),
        (r"^bn\.", "necks."),
        (r"^classifier\.", "classifiers."),
    )

    def __init__(
        self,
        num_classes: int,
        *,
        backbone: str = "resnet50",
        clip_length: int = 4,
        height: int = 256,
        width: int = 128,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if clip_length < _PAIR or clip_length % _PAIR:
            raise ConfigError(f"clip_length must be a multiple of {_PAIR}, got {clip_length}")
        self.frames = clip_length
        self.input_size = (height, width)
        last_of_stage_2 = 1 if backbone in ("resnet18", "resnet18_half") else 3
        plan = TrunkPlan(
            plugins={2: {last_of_stage_2: SaliencyBoosting}}, plugin_rules=SALIENCY_BOOST_KEY_RULES
        )
        self.backbone = ResNet3DTrunk(plan, backbone, gradient_checkpointing=gradient_checkpointing)
        dim = self.backbone.out_channels
        last = self.backbone.layer4[-1]
        self.backbone.layer4 = self.backbone.layer4[:-1]
        self.map_layer = f"backbone.layer4.{len(self.backbone.layer4) - 1}"  # runs frame by frame
        self.branches = nn.ModuleList([last, copy.deepcopy(last)])
        self.erasing = SaliencyErasing(dim // 2, dim)
        self.embedding_dim = _PAIR * dim
        self.necks = nn.ModuleList(trainable_neck(dim) for _ in range(_PAIR))
        self.classifiers = nn.ModuleList(
            identity_classifier(dim, num_classes, bias=True) for _ in range(_PAIR)
        )

    def raw_features(self, frames: Tensor) -> Tensor:
        """Return the output of the published network in eval mode: both vectors before their necks.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.

        Returns:
            ``(B, 2 D)``.
        """
        return torch.cat(self._vectors(self._as_clips(frames)), 1)

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; see `ReIDModel.forward_clips`."""
        vectors = self._vectors(frames)
        features = tuple(neck(vector) for neck, vector in zip(self.necks, vectors, strict=True))
        logits = tuple(classify(vector) for classify, vector in zip(self.classifiers, features, strict=True))
        embedding = torch.cat([normalize(vector, dim=1) for vector in features], 1)
        return ReIDOutput(embedding, logits, features)

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the state dict of a published, a 2-D or one of our checkpoints under our names."""
        own = self.state_dict()
        last = f"backbone.layer4.{len(self.backbone.layer4)}."
        translated = {}
        for name, value in super().translate_state_dict(self.backbone.translate(state)).items():
            targets = [name]
            if name.startswith(last) and name not in own:  # an image network has one last block
                targets = [f"branches.{branch}.{name.removeprefix(last)}" for branch in range(_PAIR)]
            for target in targets:
                flat = value.ndim == 4 and target in own and own[target].ndim == 5
                translated[target] = inflate(value, 1) if flat else value
        return translated

    def _vectors(self, frames: Tensor) -> list[Tensor]:
        maps = self.backbone.stem(frames)
        for stage in (1, 2, 3):
            maps = self.backbone.run_stage(stage, maps)
        # as published, each pair runs separately: a batch-norm batch has one frame of every clip
        shown = [
            self._run_pair(maps[:, :, start : start + _PAIR]) for start in range(0, maps.shape[2], _PAIR)
        ]
        return [torch.stack(vectors).mean(0) for vectors in zip(*shown, strict=True)]

    def _run_pair(self, maps: Tensor) -> list[Tensor]:
        pooled: Tensor | None = None
        vectors = []
        for index, branch in enumerate(self.branches):
            left = self.erasing(maps[:, :, index], pooled)
            seen = branch(self.backbone.run_stage(4, left[:, :, None]))[:, :, 0]
            pooled = seen.mean((2, 3))
            vectors.append(seen.amax((2, 3)))
        return vectors


@MODELS.register("tclnet")
def tclnet(num_classes: int = 1, **options: Any) -> TCLNet:
    """Build TCLNet; see its class."""
    return TCLNet(num_classes, **options)
