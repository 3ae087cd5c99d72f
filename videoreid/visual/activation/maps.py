"""Activation maps of any network on clips: strength of activations, contributions to a score, attention."""

import difflib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.inference.eval_copy import eval_copy
from videoreid.types import Clip
from videoreid.utils.wrappers import unwrap_model
from videoreid.visual.activation.attention import PatchRollout, watch_frame_weights
from videoreid.visual.activation.capture import Run, run_once
from videoreid.visual.activation.layers import find_layer, grid_of
from videoreid.visual.activation.layouts import Shape, join_calls, resized
from videoreid.visual.activation.methods import (
    contributions,
    grad_cam,
    principal,
    scaled,
    squared_channels,
)
from videoreid.visual.activation.parts import part_scores, scaled_by_part

__all__ = ["ACTIVATION_METHODS", "ActivationMaps", "activation_maps"]

ACTIVATION_METHODS: dict[str, str] = {
    "channels": "strength: the sum of the squared channels, as VPReID publishes it",
    "grad_cam": "what raises the retrieval score: channels weighted by their gradient",
    "eigen_cam": "the first principal component of the activations",
    "eigen_grad_cam": "the first principal component of gradient times activation, for the retrieval score",
    "attention": "strength, and under the frames the weights of the temporal head",
    "parts": "strength inside each stripe of a part network, and each part's share of the score",
    "rollout": "how much of each patch reaches the class token of a transformer",
    "pair": "what each place of two clips adds to their similarity",
}
"""Each method and what it shows."""
_ON_GRADIENTS = {"grad_cam", "eigen_grad_cam", "pair"}


@dataclass(frozen=True, eq=False)
class ActivationMaps:
    """Maps of B clips of T frames.

    Args:
        method: a key of `ACTIVATION_METHODS`.
        layer: name of the layer whose output was read; "" for "rollout".
        values: ``(B, T, h, w)`` float32 at the layer's own size, neither scaled nor clipped.
        maps: ``(B, T, H, W)`` float32 in 0..1 at the size of the frames.
        scores: ``(B,)`` cosine with the embeddings of the compared clips; 1 if these are the clips themselves.
        frame_weights: ``(B, T)`` weights of the frames in the temporal head; None if it has none.
        part_scores: ``(B, P)`` shares of the parts in `scores`; None for other methods than "parts".
        other: the same for the other clips, of the method "pair".
    """

    method: str
    layer: str
    values: NDArray[np.float32]
    maps: NDArray[np.float32]
    scores: NDArray[np.float32]
    frame_weights: NDArray[np.float32] | None = None
    part_scores: NDArray[np.float32] | None = None
    other: "ActivationMaps | None" = None

    def __repr__(self) -> str:
        clips, frames, height, width = self.maps.shape
        return (
            f"ActivationMaps({self.method!r}, layer {self.layer!r}, {clips} clip{'s' * (clips > 1)} x {frames} frames, "
            f"{self.values.shape[2]} x {self.values.shape[3]} shown at {height} x {width})"
        )


def activation_maps(
    model: nn.Module,
    clip: Tensor | Clip,
    *,
    method: str = "channels",
    other: Tensor | Clip | None = None,
    camids: Tensor | None = None,
    layer: str | None = None,
    scale: Literal["frame", "clip"] | None = None,
) -> ActivationMaps:
    """Show where a network looks, on a batch of clips.

    A copy of the network runs in eval mode with the network's own weights, so mode, buffers, gradients and hooks of
    the network do not change. The retrieval score is the cosine of a clip's embedding with that of ``other``; the
    length of the clip's own embedding counts as a constant.

    Args:
        model: any network that embeds clips; it may be wrapped.
        clip: ``(B, T, 3, H, W)``, or one clip ``(T, 3, H, W)``; uint8 RGB, or normalised float. A `Clip` of a loader
            also has the cameras.
        method: a key of `ACTIVATION_METHODS`.
        other: clips to compare with, as many or one for all; by default each clip itself. "pair" needs it.
        camids: ``(B,)`` int64, for networks that use cameras.
        layer: dotted name of the layer to read; by default the last layer with a map of every frame.
        scale: range over which maps are scaled to 0..1: each "frame" alone, as published and the default of
            "channels", "attention" and "eigen_cam"; or the whole "clip", the default of the others, so that frames can
            be compared.

    Raises:
        ConfigError: an unknown method or scale, a method that the network does not offer, clips of another shape or
            length, no such layer, or one without maps.
    """
    _check(method, scale, other)
    network = unwrap_model(model)
    if isinstance(network, torch.jit.ScriptModule):
        raise ConfigError(
            "the layers of a traced or scripted network cannot be read: pass the original network"
        )
    with (
        torch.inference_mode(mode=False),
        torch.no_grad(),
    ):  # in a caller's inference mode there are no gradients
        return _shown(network, clip, other, camids, _Request(method, layer, scale or _default_scale(method)))


def _shown(
    network: nn.Module,
    clip: Tensor | Clip,
    other: Tensor | Clip | None,
    camids: Tensor | None,
    asked: "_Request",
) -> ActivationMaps:
    copied, method = eval_copy(network), asked.method
    frames, cameras = _as_clips(copied, clip, camids)
    compared = None if other is None else _as_clips(copied, other, None)
    if compared is not None and len(compared[0]) not in (1, len(frames)):
        raise ConfigError(f"{len(frames)} clips and {len(compared[0])} others: give as many, or one for all")
    layer = "" if method == "rollout" else asked.layer
    if layer is None:
        layer = find_layer(copied, frames[:1], None if cameras is None else cameras[:1])
    job = _Job(copied, method, layer, asked.scale)
    if method == "pair":
        assert compared is not None
        return _pair(job, (frames, cameras), compared)
    reference = None if compared is None else run_once(copied, *compared).unit()
    return job.show(frames, cameras, reference)


@dataclass(frozen=True)
class _Request:
    """Method, layer and scale that the caller chose."""

    method: str
    layer: str | None
    scale: str


@dataclass(frozen=True)
class _Job:
    """Network, method, layer and scale of a run, without the clips."""

    model: nn.Module
    method: str
    layer: str
    scale: str

    def show(self, frames: Tensor, cameras: Tensor | None, reference: Tensor | None) -> ActivationMaps:
        """Run the network on ``frames (B, T, 3, H, W)`` and return their maps."""
        network = self.model
        shape: Shape = (frames.shape[0], frames.shape[1], frames.shape[3], frames.shape[4])
        rollout = PatchRollout(network, shape) if self.method == "rollout" else None
        with watch_frame_weights(network, rollout) as weights:
            run = run_once(self.model, frames, cameras, self.layer, gradients=self.method in _ON_GRADIENTS)
        unit = run.unit() if reference is None else reference
        values = self._values(run, unit, shape, rollout)
        if not bool(values.isfinite().all()):
            raise ConfigError("the maps hold NaN or infinite values: check the frames and the weights")
        frame_weights = _frame_weights(weights, shape[:2])
        if self.method == "attention" and frame_weights is None:
            raise ConfigError(
                f"{type(network).__name__} has no temporal head with frame weights; the heads 'attention' and "
                "'self_attention' have: build_model(name, temporal='attention'), resnet50_ta, tracklet_vit, ..."
            )
        parts = part_scores(network, run.embedding.detach(), unit) if self.method == "parts" else None
        return ActivationMaps(
            self.method,
            self.layer,
            _array(values),
            _array(self._maps(values, shape[2:], network)),
            _array(run.score(unit)),
            None if frame_weights is None else _array(frame_weights),
            None if parts is None else _array(parts),
        )

    def _values(self, run: Run, reference: Tensor, shape: Shape, rollout: PatchRollout | None) -> Tensor:
        network = self.model
        if rollout is not None:
            rolled = rollout.values()
            if rolled is None:
                raise ConfigError(
                    f"roll-out needs layers that attend over patches of a frame, {type(network).__name__} has none: "
                    "transreid_*, pass_*, clipreid_vit_b16, tfclip_vit_b16, cavit_vit_b16, tracklet_vit and "
                    "timm's plain ViTs have; Swin (solider_*) attends in windows"
                )
            return rolled
        found = run.maps
        if self.method in _ON_GRADIENTS:
            gradients = run.gradients(reference, shape, grid_of(network, self.layer))
            found = [maps.detach() for maps in found]
            combine = {"grad_cam": grad_cam, "pair": contributions}.get(self.method)
            pairs = list(zip(found, gradients, strict=True))
            calls = [combine(a, g) if combine else principal(a * g) for a, g in pairs]
        elif self.method == "eigen_cam":
            calls = [principal(maps) for maps in found]
        else:
            calls = [squared_channels(maps) for maps in found]
        order = getattr(network, "map_order", None)
        return join_calls(calls, shape[1], order(shape[1]) if callable(order) else None, self.layer)

    def _maps(self, values: Tensor, size: tuple[int, int], network: nn.Module) -> Tensor:
        if self.method == "parts":
            return scaled_by_part(network, values, size)
        if self.method not in ("channels", "attention", "rollout"):
            values = values.clamp(min=0)
        axes = (2, 3) if self.scale == "frame" else (1, 2, 3)
        return scaled(resized(values.float(), size), over=axes)


def _pair(
    job: _Job, own: tuple[Tensor, Tensor | None], compared: tuple[Tensor, Tensor | None]
) -> ActivationMaps:
    """Return the maps of both clips of a pair, each for the cosine with the other's constant embedding."""
    frames, cameras = compared
    if len(frames) != len(own[0]):
        frames = frames.expand(len(own[0]), *frames.shape[1:])
        cameras = None if cameras is None else cameras.expand(len(own[0]))
    references = [run_once(job.model, *clips).unit() for clips in (own, (frames, cameras))]
    first = job.show(*own, references[1])
    second = job.show(frames, cameras, references[0])
    return ActivationMaps(
        first.method,
        first.layer,
        first.values,
        first.maps,
        first.scores,
        frame_weights=first.frame_weights,
        other=second,
    )


def _check(method: str, scale: str | None, other: object) -> None:
    if method not in ACTIVATION_METHODS:
        close = difflib.get_close_matches(str(method), ACTIVATION_METHODS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ConfigError(f"unknown method {method!r}; {hint}choose one of {', '.join(ACTIVATION_METHODS)}")
    if scale not in (None, "frame", "clip"):
        raise ConfigError(f"unknown scale {scale!r}; choose 'frame' or 'clip'")
    if method == "pair" and other is None:
        raise ConfigError("the method 'pair' compares two clips: give the second one as other=")


def _default_scale(method: str) -> str:
    return "frame" if method in ("channels", "attention", "eigen_cam") else "clip"


def _as_clips(model: nn.Module, clip: Tensor | Clip, camids: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return frames ``(B, T, 3, H, W)`` and cameras ``(B,)`` on the model's device."""
    if isinstance(clip, Clip):
        frames, camids = clip.frames, clip.camid if camids is None else camids
    else:
        frames = clip
    if not isinstance(frames, Tensor) or frames.ndim not in (4, 5):
        found = tuple(frames.shape) if hasattr(frames, "shape") else type(frames).__name__
        raise ConfigError(f"expected clips (B, T, 3, H, W) or one clip (T, 3, H, W), got {found}")
    frames = frames[None] if frames.ndim == 4 else frames
    if frames.shape[2] != 3 or 0 in frames.shape:
        last = " (the channels are last: use .permute(0, 3, 1, 2))" if frames.shape[-1] == 3 else ""
        raise ConfigError(
            f"expected clips (B, T, 3, H, W) or one clip (T, 3, H, W), got {tuple(frames.shape)}{last}"
        )
    checked: Any = getattr(model, "checked_clips", None)
    if callable(checked):
        checked(frames)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    cameras = None if camids is None else torch.as_tensor(camids).reshape(-1).to(device)
    if cameras is not None and len(cameras) != len(frames):
        raise ConfigError(f"{len(frames)} clips and {len(cameras)} cameras: give one camera per clip")
    return frames.to(device, copy=True), cameras  # a copy, because inference tensors cannot have gradients


def _frame_weights(collected: list[Tensor], clips: tuple[int, int]) -> Tensor | None:
    fitting = [weights for weights in collected if tuple(weights.shape) == clips]
    return fitting[-1] if fitting else None


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().float().cpu().numpy()
