"""The kinds of temporal convolution that replace the 3 x 3 convolution of a ResNet block."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.layers.appearance_preserving import APM_KEY_RULES, AppearancePreserving
from videoreid.models.layers.residual3d import inflate

__all__ = ["TEMPORAL_CONV_KEY_RULES", "ConvKind", "InflatedConv", "PseudoConv", "check_kind", "temporal_conv"]

ConvKind = Literal["c2d", "i3d", "p3da", "p3db", "p3dc", "api3d", "app3da", "app3db", "app3dc"]

TEMPORAL_CONV_KEY_RULES: tuple[tuple[str, str], ...] = (
    *APM_KEY_RULES,
    ("spatial_conv3d.", "spatial."),
    ("temporal_conv3d.", "temporal."),
    ("conv3d.", "conv."),
)
"""(published, ours): prefixes of the parameter names of these modules."""


class InflatedConv(nn.Module):
    """One kernel over time, height and width (I3D), optionally after an appearance-preserving module.

    It is initialised as the image convolution: its kernel at the middle frame, zeros at the other frames.

    Args:
        spatial: the convolution ``(1, k, k)`` to replace.
        preserving: register the neighbours first; the kernel then has stride 3 over the triples of the frames.
    """

    def __init__(self, spatial: nn.Conv3d, *, preserving: bool) -> None:
        super().__init__()
        self.apm = AppearancePreserving(spatial.in_channels) if preserving else None
        self.conv = _in_time(spatial, 3, triples=preserving)
        with torch.no_grad():
            self.conv.weight.copy_(inflate(spatial.weight[:, :, 0], 3))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps ``(B, C', T, h', w')`` of maps ``(B, C, T, h, w)``."""
        convolved: Tensor = self.conv(maps if self.apm is None else self.apm(maps))
        return convolved


class PseudoConv(nn.Module):
    """A spatial and a temporal convolution (P3D), optionally with an appearance-preserving module before the latter.

    With spatial convolution S and temporal convolution T, form A is ``T(S(x))``, B is ``S(x) + T(x)`` and C is
    ``S(x) + T(S(x))``. The temporal kernel is initialised as the identity (A) or with zeros (B, C), so the untrained
    block equals the image block.

    Args:
        spatial: the convolution ``(1, k, k)`` to replace.
        form: "a", "b" or "c".
        preserving: register the neighbours before T, which then has stride 3 over the triples of the frames.

    Reference:
        Qiu, Yao and Mei, Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks, ICCV 2017.
    """

    def __init__(self, spatial: nn.Conv3d, form: Literal["a", "b", "c"], *, preserving: bool) -> None:
        super().__init__()
        self.form = form
        channels = spatial.in_channels if form == "b" else spatial.out_channels
        self.apm = AppearancePreserving(channels) if preserving else None
        self.spatial = spatial
        self.temporal = nn.Conv3d(
            channels,
            spatial.out_channels,
            (3, 1, 1),
            stride=(
                3 if preserving else 1,
                *((spatial.stride[1], spatial.stride[2]) if form == "b" else (1, 1)),
            ),
            padding=(0 if preserving else 1, 0, 0),
            bias=False,
        )
        nn.init.zeros_(self.temporal.weight)
        if form == "a":
            with torch.no_grad():
                self.temporal.weight[:, :, 1, 0, 0].fill_diagonal_(1.0)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps ``(B, C', T, h', w')`` of maps ``(B, C, T, h, w)``."""
        seen: Tensor = self.spatial(maps)
        source = maps if self.form == "b" else seen
        moved: Tensor = self.temporal(source if self.apm is None else self.apm(source))
        return moved if self.form == "a" else seen + moved


def check_kind(kind: str) -> None:
    """Raise if there is no convolution of this kind.

    Raises:
        ConfigError: unknown kind.
    """
    if kind not in get_args(ConvKind):
        raise ConfigError(f"unknown block {kind!r}; choose one of {', '.join(get_args(ConvKind))}")


def temporal_conv(kind: ConvKind, spatial: nn.Conv3d) -> nn.Module:
    """Return the convolution of a kind, initialised from the spatial convolution that it replaces.

    Args:
        kind: "c2d" (no temporal kernel), "i3d" (one kernel over time and space), "p3da", "p3db", "p3dc" (a spatial and
            a temporal kernel); the kinds that begin with "ap" register neighbouring frames first.
        spatial: the convolution to replace, kernel ``(1, k, k)``.

    Raises:
        ConfigError: unknown kind.
    """
    check_kind(kind)
    if kind == "c2d":
        return spatial
    if kind.endswith("i3d"):
        return InflatedConv(spatial, preserving=kind.startswith("ap"))
    return PseudoConv(spatial, kind[-1], preserving=kind.startswith("ap"))  # type: ignore[arg-type]


def _in_time(spatial: nn.Conv3d, frames: int, *, triples: bool) -> nn.Conv3d:
    return nn.Conv3d(
        spatial.in_channels,
        spatial.out_channels,
        (frames, spatial.kernel_size[1], spatial.kernel_size[2]),
        stride=(frames if triples else 1, spatial.stride[1], spatial.stride[2]),
        padding=(0 if triples else frames // 2, *spatial.padding[1:]),
        bias=False,
    )
