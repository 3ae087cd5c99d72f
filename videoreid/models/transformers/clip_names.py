"""Translate the published layouts of CLIP's encoders to OpenAI's parameter names and to the network's grid."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from videoreid.errors import WeightsError
from videoreid.models.transformers.clip_rn50 import CLIPImageResNet
from videoreid.models.transformers.clip_vit import CLIPVisionTransformer
from videoreid.models.transformers.positions import fit_positions

__all__ = ["image_encoder_entries", "text_encoder_entries"]

_OURS = "image_encoder."
_TEXT = (
    r"^(?:transformer\.|token_embedding\.|ln_final\.|positional_embedding$|text_projection$|logit_scale$|logit_bias$"
    r"|input_resolution$|context_length$|vocab_size$|attn_mask$)"
)
# timm's names of CLIP's two image encoders
_FROM_TIMM_VIT = (
    (r"^cls_token$", "class_embedding"),
    (r"^pos_embed$", "positional_embedding"),
    (r"^patch_embed\.proj\.", "conv1."),
    (r"^norm_pre\.", "ln_pre."),
    (r"^norm\.", "ln_post."),
    (r"^blocks\.(\d+)\.norm([12])\.", r"transformer.resblocks.\1.ln_\2."),
    (r"^blocks\.(\d+)\.attn\.qkv\.", r"transformer.resblocks.\1.attn.in_proj_"),
    (r"^blocks\.(\d+)\.attn\.proj\.", r"transformer.resblocks.\1.attn.out_proj."),
    (r"^blocks\.(\d+)\.mlp\.fc1\.", r"transformer.resblocks.\1.mlp.c_fc."),
    (r"^blocks\.(\d+)\.mlp\.fc2\.", r"transformer.resblocks.\1.mlp.c_proj."),
)
_FROM_TIMM_RESNET = (
    (r"^stem\.conv([123])\.conv\.", r"conv\1."),
    (r"^stem\.conv([123])\.bn\.", r"bn\1."),
    (r"^stages\.(\d)\.(\d+)\.shortcut\.conv\.conv\.", r"layer\1.\2.downsample.0."),
    (r"^stages\.(\d)\.(\d+)\.shortcut\.conv\.bn\.", r"layer\1.\2.downsample.1."),
    (r"^stages\.(\d)\.(\d+)\.conv([123])_\w+\.conv\.", r"layer\1.\2.conv\3."),
    (r"^stages\.(\d)\.(\d+)\.conv([123])_\w+\.bn\.", r"layer\1.\2.bn\3."),
    (r"^head\.pos_embed$", "attnpool.positional_embedding"),
    (r"^head\.([qkv])\.", r"attnpool.\1_proj."),
    (r"^head\.proj\.", "attnpool.c_proj."),
)


def image_encoder_entries(
    state: Mapping[str, Tensor], encoder: CLIPVisionTransformer | CLIPImageResNet
) -> dict[str, Tensor]:
    """Return the state dict with OpenAI's names after ``image_encoder.`` and positions on the encoder's grid.

    Known layouts: OpenAI's and open_clip's (``visual.*``; the text encoder is left out), an image encoder without a
    prefix, timm's ViT and ResNet, and re-ID checkpoints with ``image_encoder.*``. Other entries pass unchanged.

    Args:
        state: parameter name to tensor.
        encoder: the image encoder that will be filled.

    Raises:
        WeightsError: an image encoder of another architecture, or position embeddings of an unknown grid.
    """
    entries = _from_timm(_without_text(state))
    entries = {(_OURS + name if _is_bare(name, entries) else name): value for name, value in entries.items()}
    _refuse_other_architecture(entries, encoder)
    for name in (_OURS + "positional_embedding", _OURS + "attnpool.positional_embedding"):
        if name in entries:
            entries[name] = fit_positions(entries[name], encoder.grid)
    return entries


def text_encoder_entries(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the text encoder of a CLIP archive or of a CLIP-ReID checkpoint under OpenAI's names.

    Raises:
        WeightsError: the state dict has no text encoder.
    """
    if any(name.startswith("text_encoder.") for name in state):
        prefix = "text_encoder."
        text = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
    else:
        text = {name: value for name, value in state.items() if re.match(_TEXT, name)}
    if "text_projection" not in text:
        raise WeightsError(
            "these weights hold no text encoder: give OpenAI's or open_clip's archive, which has both encoders"
        )
    unused = ("logit_scale", "logit_bias", "input_resolution", "context_length", "vocab_size", "attn_mask")
    return {name: value for name, value in text.items() if name not in unused}


def _without_text(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if any(name.startswith("visual.") for name in state):
        images = {name: value for name, value in state.items() if not re.match(_TEXT, name)}
        return {
            _OURS + name.removeprefix("visual.") if name.startswith("visual.") else name: value
            for name, value in images.items()
        }
    return {
        name: value
        for name, value in state.items()
        if not name.startswith(("prompt_learner.", "text_encoder."))
    }


def _from_timm(state: dict[str, Tensor]) -> dict[str, Tensor]:
    rules: tuple[tuple[str, str], ...]
    if "norm_pre.weight" in state:
        rules = _FROM_TIMM_VIT
    elif "stem.conv1.conv.weight" in state:
        rules = _FROM_TIMM_RESNET
        state = {re.sub(r"^stages\.(\d)", _count_from_one, name): value for name, value in state.items()}
    else:
        return state
    translated = {}
    for name, value in state.items():
        if name == "head.weight":
            translated["proj"] = value.t()
        elif name == "head.bias" and not value.any():
            continue  # CLIP's projection has no bias; timm stores zeros
        else:
            new = next((re.sub(old, new, name) for old, new in rules if re.search(old, name)), name)
            if new in ("class_embedding", "positional_embedding"):
                value = value.reshape(value.shape[-1:] if new == "class_embedding" else value.shape[-2:])
            translated[new] = value
    return translated


def _count_from_one(found: "re.Match[str]") -> str:
    return f"stages.{int(found[1]) + 1}"


def _is_bare(name: str, state: Mapping[str, Tensor]) -> bool:
    """Return whether an entry belongs to an image encoder without a prefix."""
    bare_vit = "class_embedding" in state and re.match(
        r"(?:class_embedding|positional_embedding|proj)$|(?:conv1|ln_pre|transformer|ln_post)\.", name
    )
    bare_resnet = "attnpool.positional_embedding" in state and re.match(
        r"(?:conv|bn)[123]\.|layer[1-4]\.|attnpool\.", name
    )
    return bool(bare_vit or bare_resnet)


def _refuse_other_architecture(
    state: Mapping[str, Tensor], encoder: CLIPVisionTransformer | CLIPImageResNet
) -> None:
    found = _architecture(
        {name.removeprefix(_OURS): v for name, v in state.items() if name.startswith(_OURS)}
    )
    wanted = _architecture(encoder.state_dict())
    if found is not None and found != wanted:
        raise WeightsError(
            f"these weights hold {found}, the network has {wanted}: give the weights of that architecture "
            "(OpenAI's ViT-B/16 for *_vit_b16, RN50 for *_rn50)"
        )


def _architecture(state: Mapping[str, Tensor]) -> str | None:
    """Describe the properties of an image encoder that loading cannot adapt; None for an unknown layout."""
    stem = state.get("conv1.weight", torch.empty(0))
    if "class_embedding" in state and stem.ndim == 4:
        depth = len({name.split(".")[2] for name in state if name.startswith("transformer.resblocks.")})
        patch = f"{stem.shape[2]} x {stem.shape[3]}"
        return f"a CLIP ViT of width {len(stem)} with {depth} blocks and patches of {patch}"
    if "conv3.weight" in state and stem.ndim == 4:
        depths = [
            len({name.split(".")[1] for name in state if name.startswith(f"layer{i}.")}) for i in (1, 2, 3, 4)
        ]
        return f"a CLIP ResNet with a stem of {len(stem)} channels and {'-'.join(map(str, depths))} blocks"
    return None
