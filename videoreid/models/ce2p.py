"""CE2P: a human-parsing network with edge detection as a second task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError, WeightsError
from videoreid.models.base import ReIDModel
from videoreid.models.checkpoint_file import read_state_dict, unwrap_state_dict
from videoreid.models.factory import MODELS
from videoreid.models.layers.activated_norm import conv_norm
from videoreid.models.layers.dilated_resnet import Stem, dilated_resnet_stages, stage_widths
from videoreid.models.layers.pyramid_pooling import PyramidPooling, resize_maps
from videoreid.models.loading import LoadReport, load_weights
from videoreid.types import ReIDOutput

__all__ = ["CE2P", "ParsingMaps", "load_released_weights"]


class ParsingMaps(NamedTuple):
    """The output of a parser for N images; all maps are at one quarter of the image size.

    Args:
        parsing: logits ``(N, C, h, w)`` of each parsing head; the last head gives the result.
        edge: logits ``(N, 2, h, w)`` of "no edge" and "edge".
        features: ``(N, D, h, w)``, the input of the last classifier (before dropout).
    """

    parsing: tuple[Tensor, ...]
    edge: Tensor
    features: Tensor


class _Edges(nn.Module):
    """Edge logits and edge features from three stages, which share one 3x3 convolution."""

    def __init__(self, channels: tuple[int, int, int], width: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(*conv_norm(channels[0], width))
        self.conv2 = nn.Sequential(*conv_norm(channels[1], width))
        self.conv3 = nn.Sequential(*conv_norm(channels[2], width))
        self.conv4 = nn.Conv2d(width, 2, 3, padding=1)
        self.conv5 = nn.Conv2d(6, 2, 1)

    def forward(self, stages: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        size = stages[0].shape[2:]
        features = [
            conv(maps) for conv, maps in zip((self.conv1, self.conv2, self.conv3), stages, strict=True)
        ]
        edges = torch.cat([resize_maps(self.conv4(maps), size) for maps in features], dim=1)
        return self.conv5(edges), torch.cat([resize_maps(maps, size) for maps in features], dim=1)


class _Decoder(nn.Module):
    """Logits and features at one quarter of the input size, from the context and the maps of stage 1."""

    def __init__(self, context: int, shallow: int, width: int, num_classes: int) -> None:
        super().__init__()
        narrow = 48 * width // 256
        self.conv1 = nn.Sequential(*conv_norm(context, width))
        self.conv2 = nn.Sequential(*conv_norm(shallow, narrow))
        self.conv3 = nn.Sequential(*conv_norm(width + narrow, width), *conv_norm(width, width))
        self.conv4 = nn.Conv2d(width, num_classes, 1)

    def forward(self, context: Tensor, shallow: Tensor) -> tuple[Tensor, Tensor]:
        context = resize_maps(self.conv1(context), shallow.shape[2:])
        features = self.conv3(torch.cat([context, self.conv2(shallow)], dim=1))
        return self.conv4(features), features


class CE2P(ReIDModel):
    """Context embedding with edge perceiving: a ResNet at stride 16, pyramid pooling, an edge branch, a decoder.

    Images can have any size. In train mode ``output.extras`` holds the logits of both parsing heads ("parsing_0",
    "parsing_1") and of the edge head ("edge"), each ``(B * T, C, h, w)`` at one quarter of the input size. A parser is
    built, loaded, frozen and saved like every network here, so it also returns an embedding, its features averaged over
    positions and frames. This embedding is not meant for retrieval.

    Args:
        num_classes: number of part classes C, background included.
        trunk: see `dilated_resnet_stages`.
        stem: likewise.
        channel_order: channel order of the first convolution; "bgr" for the released weights, which were trained on
            OpenCV's images. The input of the network is always RGB.
        head_channels: channels of decoder and edge branch; the context has twice as many.
        input_size: (height, width) of training in pixels; stored as an attribute.

    Raises:
        ConfigError: unknown trunk, stem or channel order, or fewer than 16 head channels.

    Reference:
        Ruan et al., Devil in the Details: Towards Accurate Single and Multiple Human Parsing, AAAI 2019,
        https://arxiv.org/abs/1809.05996
    """

    layer1: nn.Module
    layer2: nn.Module
    layer3: nn.Module
    layer4: nn.Module
    map_layer = "layer7.1"  # the input of the last classifier
    key_rules: ClassVar = ((r"^fc\.", None),)  # the classifier of an ImageNet trunk

    def __init__(
        self,
        num_classes: int,
        *,
        trunk: str = "resnet101",
        stem: Stem = "deep",
        channel_order: Literal["rgb", "bgr"] = "rgb",
        head_channels: int = 256,
        input_size: Sequence[int] = (384, 384),
    ) -> None:
        super().__init__()
        if channel_order not in ("rgb", "bgr"):
            raise ConfigError(f"unknown channel_order {channel_order!r}; choose 'rgb' or 'bgr'")
        if head_channels < 16 or len(input_size) != 2:
            raise ConfigError(
                f"head_channels must be 16 or more and input_size (height, width), got {head_channels} and {input_size}"
            )
        stages = dilated_resnet_stages(trunk, stem=stem)
        for name, module in stages.items():
            self.add_module(name, module)
        self._stem = tuple(name for name in stages if not name.startswith("layer"))
        widths = stage_widths(trunk)
        self.layer5 = PyramidPooling(widths[3], 2 * head_channels)
        self.edge_layer = _Edges(widths[:3], head_channels)
        self.layer6 = _Decoder(2 * head_channels, widths[0], head_channels, num_classes)
        self.layer7 = nn.Sequential(
            *conv_norm(4 * head_channels, head_channels),
            nn.Dropout2d(0.1),
            nn.Conv2d(head_channels, num_classes, 1),
        )
        self.num_classes = num_classes
        self.embedding_dim = head_channels
        self.input_size = (int(input_size[0]), int(input_size[1]))
        self.channel_order = channel_order
        if channel_order == "bgr":  # released networks subtract the red mean from blue, the blue from red
            red, green, blue = self.pixel_mean
            self.pixel_mean = (blue, green, red)
            red, green, blue = self.pixel_std
            self.pixel_std = (blue, green, red)
        self.stages = (*stages, "layer5", "edge_layer", "layer6", "layer7")

    def parsing_maps(self, images: Tensor) -> ParsingMaps:
        """Return all heads for images ``(N, 3, H, W)``, float, normalised, RGB."""
        x = images.flip(1) if self.channel_order == "bgr" else images
        for name in self._stem:
            x = getattr(self, name)(x)
        first = self.layer1(x)
        second = self.layer2(first)
        third = self.layer3(second)
        context = self.layer5(self.layer4(third))
        side, features = self.layer6(context, first)
        edge, edge_features = self.edge_layer((first, second, third))
        convolution, norm, dropout, classifier = self.layer7
        fused = norm(convolution(torch.cat([features, edge_features], dim=1)))
        return ParsingMaps((side, classifier(dropout(fused))), edge, fused)

    def parse_logits(self, images: Tensor) -> Tensor:
        """Return the part logits ``(N, C, h, w)`` of the last head, at one quarter of images ``(N, 3, H, W)``."""
        return self.parsing_maps(images).parsing[-1]

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network on every frame of ``(B, T, 3, H, W)``."""
        clips = frames.shape[:2]
        maps = self.parsing_maps(frames.flatten(0, 1))
        embedding = maps.features.mean(dim=(2, 3)).unflatten(0, clips).mean(1)
        if not self.training:
            return ReIDOutput(embedding, (), ())
        heads = {f"parsing_{number}": logits for number, logits in enumerate(maps.parsing)}
        shares = tuple(
            logits.mean(dim=(2, 3)).unflatten(0, clips).mean(1) for logits in maps.parsing
        )  # (B, C) each
        return ReIDOutput(embedding, shares, (embedding,), {**heads, "edge": maps.edge})


def load_released_weights(model: CE2P, source: str | Path | Mapping[str, Tensor]) -> LoadReport:
    """Load a checkpoint of the authors' training code (``LIP_epoch_*.pth``).

    Their norm layers scale by ``|weight| + 1e-5``, ours by the weight; the weights are converted. For files of this
    library and for ImageNet trunks use `load_weights`.

    Args:
        model: built with ``channel_order="bgr"`` and the deep stem.
        source: a file, or its state dict, with or without the prefix ``module.``.

    Returns:
        The report of `load_weights`.

    Raises:
        ConfigError: the network was not built with ``channel_order="bgr"``.
        WeightsError: the file cannot be read, or has another number of classes.
    """
    if model.channel_order != "bgr":
        raise ConfigError(
            "the released weights expect BGR images: build the network with channel_order='bgr'"
        )
    if isinstance(source, str | Path):
        state = read_state_dict(source)
    else:
        state = unwrap_state_dict(source, "the given state dict")
    found = state.get("layer7.3.weight")
    if found is not None and len(found) != model.num_classes:
        raise WeightsError(
            f"the checkpoint has {len(found)} classes, the network {model.num_classes}: build it with "
            f"num_classes={len(found)}, and use the label table of that training"
        )
    norms = (name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d))
    scales = {f"{name}.weight" for name in norms}
    return load_weights(
        model, {name: value.abs() + 1e-5 if name in scales else value for name, value in state.items()}
    )


@MODELS.register("ce2p_resnet101", "ce2p")
def ce2p_resnet101(num_classes: int = 1, **options: Any) -> CE2P:
    """Build CE2P as published, on ResNet-101."""
    return CE2P(num_classes, trunk="resnet101", **options)


@MODELS.register("ce2p_resnet50")
def ce2p_resnet50(num_classes: int = 1, **options: Any) -> CE2P:
    """Build CE2P on ResNet-50."""
    return CE2P(num_classes, trunk="resnet50", **options)


@MODELS.register("ce2p_resnet18")
def ce2p_resnet18(num_classes: int = 1, **options: Any) -> CE2P:
    """Build CE2P on ResNet-18."""
    return CE2P(num_classes, trunk="resnet18", **options)


@MODELS.register("ce2p_resnet18_half")
def ce2p_resnet18_half(num_classes: int = 1, *, head_channels: int = 64, **options: Any) -> CE2P:
    """Build a CE2P for small machines: ResNet-18 with half its channels, and heads a quarter as wide."""
    return CE2P(num_classes, trunk="resnet18_half", head_channels=head_channels, **options)
