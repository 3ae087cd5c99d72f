"""TransReID: a vision transformer with camera embedding and jigsaw patches, applied to every frame of a clip."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.factory import MODELS
from videoreid.models.layers.bn_neck import bn_neck, identity_classifier
from videoreid.models.normalisation import find_normalisation
from videoreid.models.transformers.blocks import LAYER_NORM_EPS, drop_rates, run_blocks, vit_block
from videoreid.models.transformers.cameras import CameraModel, camera_offsets
from videoreid.models.transformers.positions import fit_positions
from videoreid.models.transformers.vit import VisionTransformer, ViTOptions
from videoreid.types import ReIDOutput

__all__ = ["VIT_KEY_RULES", "TransReID", "split_options", "transreid_vit_b16"]

_SHIFT = 4  # published as 5, because there the class token is counted
_GROUPS = 2
_PARTS = 4

VIT_KEY_RULES: tuple[tuple[str, str | None], ...] = (
    (r"(^|\.)(?:head|head_dist|pre_logits|fc)\.", None),
    (r"^(?:backbone|base)\.(?:head|fc)\.", None),
    (r"(^|\.)(?:mask_token|dist_token|gem\.p)$", None),
    (r"^(?:module\.)?(?:base|backbone)\.", "backbone."),
    (
        r"^(cls_token|pos_embed|sie_embed|patch_embed\.|blocks\.|norm\.|part_token|part\d_pos|cls_pos)",
        r"backbone.\1",
    ),
)
"""Rules for names of timm, DINO checkpoints (TransReID-SSL, PASS, PersonViT) and TransReID, to ``backbone.*``."""


class TransReID(CameraModel):
    """A vision transformer on every frame, with or without the jigsaw patch module (JPM).

    With JPM the last block exists twice: one copy runs on all tokens, the other on four groups of shifted and shuffled
    patches, each with the class token. The embedding is the global vector and the four local vectors, each divided by
    4, before the necks. The published network takes images; here the vectors of the frames are averaged over the clip
    before the necks.

    Weights of timm's ViT and DeiT, of TransReID, TransReID-SSL and PersonViT can be loaded; position embeddings of
    square, 2:1 and 3:1 grids are interpolated to the grid of this network, bilinearly as published.

    Args:
        num_classes: number of training identities K.
        jpm: use the jigsaw patch module.
        normalisation: of the pixels: "half" as published (mean and standard deviation 0.5), "imagenet" or "clip".
        options: options of the trunk.

    Raises:
        ConfigError: options that do not fit each other; (in forward) frames of another size, no cameras for a network
            with `num_cameras`, or a camera number that is too large.

    Reference:
        He et al., TransReID: Transformer-based Object Re-Identification, ICCV 2021. https://arxiv.org/abs/2102.04378
    """

    key_rules = (
        *VIT_KEY_RULES,
        (r"^b1\.0\.", "global_branch.block."),
        (r"^b1\.1\.", "global_branch.norm."),
        (r"^b2\.0\.", "local_branch.block."),
        (r"^b2\.1\.", "local_branch.norm."),
        (r"^bottleneck\.", "necks.0."),
        (r"^bottleneck_(\d)\.", r"necks.\1."),
        (r"^classifier\.", "classifiers.0."),
        (r"^classifier_(\d)\.", r"classifiers.\1."),
    )

    def __init__(
        self, num_classes: int, *, jpm: bool = False, normalisation: str = "half", options: ViTOptions
    ) -> None:
        super().__init__()
        size = options.size
        self.input_size = (options.height, options.width)
        self.pixel_mean, self.pixel_std = find_normalisation(normalisation)
        self.uses_cameras = options.num_cameras > 0
        self.jpm = jpm
        depth = size.depth - 1 if jpm else size.depth
        self.backbone = VisionTransformer(options, depth=depth, final_norm=not jpm)
        if jpm:
            if self.backbone.grid[0] * self.backbone.grid[1] < 2 * _PARTS:
                raise ConfigError(
                    f"JPM cuts the patches into {_PARTS} groups; {options.height} x {options.width} pixels give only "
                    f"{self.backbone.grid[0]} x {self.backbone.grid[1]}: use larger frames or jpm=False"
                )
            self.map_layer = "backbone"  # the input of both branches
            self.global_branch = _last_block(options)
            self.local_branch = _last_block(options)
            self.local_branch.load_state_dict(self.global_branch.state_dict())
        heads = 1 + _PARTS if jpm else 1
        self.necks = nn.ModuleList(bn_neck(size.dim) for _ in range(heads))
        self.classifiers = nn.ModuleList(
            identity_classifier(size.dim, num_classes, bias=False) for _ in range(heads)
        )
        self.embedding_dim = size.dim * heads
        branches = ("global_branch", "local_branch") if jpm else ()
        self.stages = ("backbone", *branches, "necks", "classifiers")

    def forward_clips(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput:
        """Run the network; see `CameraModel.forward_clips`.

        Returns:
            The embedding; features before the necks, the global one first; in train mode logits in the same order.
        """
        offsets = camera_offsets(self.backbone.camera_embeddings, camids, frames)
        tokens = self.backbone(frames.flatten(0, 1), offsets)
        vectors = self._branches(tokens) if self.jpm else (tokens[:, 0],)
        features = tuple(vector.unflatten(0, frames.shape[:2]).mean(1) for vector in vectors)
        embedding = torch.cat([features[0], *(local / _PARTS for local in features[1:])], dim=1)
        if not self.training:
            return ReIDOutput(embedding, (), features)
        pairs = zip(self.necks, self.classifiers, features, strict=True)
        logits = tuple(classify(neck(vector)) for neck, classify, vector in pairs)
        return ReIDOutput(embedding, logits, features)

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the state dict of published weights under our names, with positions on our grid.

        With JPM, the last block and norm of a plain transformer fill both branches.

        Raises:
            WeightsError: position embeddings of an unknown grid.
        """
        distilled = any(name.endswith("dist_token") for name in state)
        translated = super().translate_state_dict(state)
        positions = translated.get("backbone.pos_embed")
        if positions is not None:
            if distilled:  # the second position is that of the distillation token
                positions = torch.cat([positions[:, :1], positions[:, 2:]], dim=1)
            translated["backbone.pos_embed"] = fit_positions(positions, self.backbone.grid)
        return self._fill_branches(translated) if self.jpm else translated

    def _fill_branches(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Copy the last block and norm of a plain transformer to both branches, and remove them from the trunk."""
        last = rf"^backbone\.(?:blocks\.{len(self.backbone.blocks)}\.|norm\.)"
        kept = {name: value for name, value in state.items() if not re.match(last, name)}
        for name, value in state.items():
            if name in kept:
                continue
            part = re.sub(r"^backbone\.blocks\.\d+\.", "block.", name).replace("backbone.norm.", "norm.")
            for branch in ("global_branch", "local_branch"):
                kept.setdefault(f"{branch}.{part}", value)
        return kept

    def _branches(self, tokens: Tensor) -> tuple[Tensor, ...]:
        """Return the global vector and four local ones, each ``(N, D)``."""
        token, patches = tokens[:, :1], tokens[:, 1:]
        part = patches.shape[1] // _PARTS
        shuffled = _shuffle(patches)
        locals_ = [
            self._run(self.local_branch, torch.cat([token, shuffled[:, i * part : (i + 1) * part]], dim=1))
            for i in range(_PARTS)
        ]
        return self._run(self.global_branch, tokens), *locals_

    def _run(self, branch: nn.ModuleDict, tokens: Tensor) -> Tensor:
        """Return the class token ``(N, D)`` after the last block and norm."""
        recompute = self.backbone.recompute and self.training
        out: Tensor = branch["norm"](run_blocks([branch["block"]], tokens, recompute=recompute)[:, 0])
        return out


def _last_block(options: ViTOptions) -> nn.ModuleDict:
    size = options.size
    block = vit_block(size, drop_rates(options.drop_path, size.depth)[-1])
    for module in block.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return nn.ModuleDict({"block": block, "norm": nn.LayerNorm(size.dim, eps=LAYER_NORM_EPS)})


def _shuffle(patches: Tensor) -> Tensor:
    """Roll patches ``(N, n, D)`` by 4 and interleave their halves; for odd n, first repeat the second-to-last patch."""
    rolled = patches.roll(-_SHIFT, dims=1)
    if rolled.shape[1] % _GROUPS:
        rolled = torch.cat([rolled, rolled[:, -2:-1]], dim=1)
    return rolled.unflatten(1, (_GROUPS, -1)).transpose(1, 2).flatten(1, 2)


def split_options(
    given: Mapping[str, Any], own: Sequence[str], defaults: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], ViTOptions]:
    """Split keyword arguments into options of the network and `ViTOptions` of its trunk.

    Args:
        given: all keyword arguments.
        own: names of the network's options.
        defaults: defaults of this network that differ from those of `ViTOptions`.

    Returns:
        The options of the network, and those of the trunk.

    Raises:
        ConfigError: unknown option.
    """
    known = [option.name for option in fields(ViTOptions)]
    unknown = sorted(set(given) - {*known, *own})
    if unknown:
        raise ConfigError(f"there is no option {unknown[0]!r}; there are: {', '.join([*own, *known])}")
    mine = {name: value for name, value in given.items() if name in own}
    trunk = {name: value for name, value in given.items() if name not in own}
    return mine, ViTOptions(**{**(defaults or {}), **trunk})


def _build(num_classes: int, options: Mapping[str, Any], **defaults: Any) -> TransReID:
    own, trunk = split_options(options, ("jpm", "normalisation"), defaults)
    return TransReID(num_classes, options=trunk, **own)


@MODELS.register("transreid_vit_b16")
def transreid_vit_b16(num_classes: int = 1, **options: Any) -> TransReID:
    """Build TransReID on ViT-B/16; ``jpm``, ``normalisation``, and the options of `ViTOptions`."""
    return _build(num_classes, options)


@MODELS.register("transreid_vit_small")
def transreid_vit_small(num_classes: int = 1, **options: Any) -> TransReID:
    """Build TransReID on the small transformer of early timm (8 blocks of width 768)."""
    return _build(num_classes, options, backbone="vit_small_768")


@MODELS.register("transreid_vit_s16")
def transreid_vit_s16(num_classes: int = 1, **options: Any) -> TransReID:
    """Build TransReID on ViT-S/16 (12 blocks of width 384), the trunk of TransReID-SSL and PersonViT."""
    return _build(num_classes, options, backbone="vit_s_16")


@MODELS.register("transreid_deit_small")
def transreid_deit_small(num_classes: int = 1, **options: Any) -> TransReID:
    """Build TransReID on DeiT-S."""
    return _build(num_classes, options, backbone="vit_s_16")
