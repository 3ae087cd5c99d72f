"""Base class of all networks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD, normalise_frames
from videoreid.models.freezing import freeze_layers, frozen_layers, unfreeze_layers
from videoreid.models.input_settings import METADATA_KEY, InputSettings
from videoreid.models.weights import ClipRule
from videoreid.types import ReIDOutput
from videoreid.utils.printing import html_table

__all__ = ["ReIDModel"]


class ReIDModel(nn.Module):
    """Base class of all networks.

    A subclass implements `forward_clips` and sets the attributes below. `forward` returns a `ReIDOutput` in train mode,
    for losses, and the embedding in eval mode, for trackers and exporters.

    Attributes:
        embedding_dim: width D of the embedding.
        input_size: (height, width) in pixels at which the published weights were trained; other sizes work unless
            stated otherwise.
        frames: required clip length T, or None for any.
        pixel_mean: mean of the pixels, per channel on the 0..1 scale; `forward` normalises uint8 frames with it. It is
            saved in every state dict and loaded with it.
        pixel_std: standard deviation of the pixels; likewise.
        clip_rule: how the authors of the loaded weights cut clips (`videoreid.models.weights.ClipRule`), if known.
        uses_cameras: `forward` uses the camera numbers of the clips, ``(B,)`` int64, its second argument.
        stages: names of the sub-modules from input to output, for freezing.
        map_layer: dotted name of the layer whose maps `videoreid.visual.activation_maps` shows; with "" it shows the
            last layer that has a map of every frame.
        key_rules: (regular expression, replacement) pairs, tried in order, that translate the parameter names of
            published checkpoints into ours; None as replacement drops the entry. Our own names must pass unchanged.
        optional_keys: regular expressions of our parameters that may be absent from a published checkpoint because the
            embedding does not depend on them (heads that only training uses).
        build_arguments: the arguments of `build_model` without the weights; empty for a network built by hand.
    """

    embedding_dim: int
    input_size: tuple[int, int] = (256, 128)
    frames: int | None = None
    pixel_mean: tuple[float, float, float] = IMAGENET_MEAN
    pixel_std: tuple[float, float, float] = IMAGENET_STD
    clip_rule: ClipRule | None = None
    uses_cameras: bool = False
    stages: tuple[str, ...] = ()
    map_layer: str = ""
    key_rules: ClassVar[tuple[tuple[str, str | None], ...]] = ()
    optional_keys: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.build_arguments: dict[str, Any] = {}

    def forward_clips(self, frames: Tensor) -> ReIDOutput:
        """Run the network; a network that `uses_cameras` takes ``camids`` as a second argument.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.

        Returns:
            The embedding and all heads. In eval mode ``logits`` and ``features`` may be empty.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement forward_clips")

    def forward(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput | Tensor:
        """Return `ReIDOutput` in train mode and the embedding ``(B, D)`` in eval mode.

        Args:
            frames: ``(B, T, 3, H, W)``, or ``(B, 3, H, W)`` for clips of one frame; uint8 RGB in 0..255, which is
                normalised with `pixel_mean` and `pixel_std`, or float that is already normalised.
            camids: ``(B,)`` int64, -1 for unknown cameras; ignored unless the network `uses_cameras`.

        Raises:
            ConfigError: another rank, channel order, number of channels, type or clip length.
        """
        cameras = (camids,) if self.uses_cameras else ()
        output: ReIDOutput = self.forward_clips(self._as_clips(frames), *cameras)
        return output if self.training else output.embedding

    def map_order(self, frames: int) -> list[int] | None:
        """Return the frame index of each map of `map_layer`; None if the maps are in the order of the frames."""
        return None

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Translate the entries of a published checkpoint to our names, without entries that this network never uses.

        Args:
            state: a state dict, parameter name to tensor, without wrappers ("state_dict", "module.").
        """
        translated = {}
        for name, tensor in state.items():
            new_name = self._translate_key(name)
            if new_name is not None:
                translated[new_name] = tensor
        return translated

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:  # noqa: FBT001
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if hasattr(destination, "_metadata"):
            settings = InputSettings.of(self).to_dict()
            destination._metadata.setdefault(prefix[:-1], {})[METADATA_KEY] = settings

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Mapping[str, Any], *args: Any
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)
        if METADATA_KEY in local_metadata:
            InputSettings.from_dict(local_metadata[METADATA_KEY]).apply(self, size=False)

    def _translate_key(self, name: str) -> str | None:
        for pattern, replacement in self.key_rules:
            if re.search(pattern, name):
                return None if replacement is None else re.sub(pattern, replacement, name)
        return name

    def freeze(self, stages: Sequence[str]) -> None:
        """Stop the gradients of the named sub-modules (see `stages`) and put them in eval mode.

        They stay frozen until `unfreeze`, also while an engine opens and closes other layers.

        Raises:
            ConfigError: a name is not a sub-module.
        """
        freeze_layers(self, stages)

    def unfreeze(self, stages: Sequence[str] | None = None) -> None:
        """Train the named sub-modules again; by default all of them.

        Parameters that are fixed by design (the bias of a BN neck) stay fixed.
        """
        unfreeze_layers(self, stages)

    def __repr__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self._facts())
        return f"{self._title()}({facts})\n  stages {', '.join(self.stages) or '-'}"

    def _repr_html_(self) -> str:
        return html_table(self._title(), [*self._facts(), ("stages", ", ".join(self.stages))])

    def _title(self) -> str:
        name = str(self.build_arguments.get("name", "")) if "build_arguments" in self.__dict__ else ""
        return f"{type(self).__name__} {name}".strip()

    def _facts(self) -> list[tuple[str, str]]:
        count = sum(parameter.numel() for parameter in self.parameters())
        return [
            ("parameters", f"{count:,}"),
            ("embedding", str(getattr(self, "embedding_dim", "-"))),
            ("clips of", f"{self.frames or 'any number of'} frames"),
            ("input", f"{self.input_size[0]} x {self.input_size[1]}"),
        ]

    def train(self, mode: bool = True) -> "ReIDModel":  # noqa: FBT001, FBT002 - as in torch
        """Set the mode of all sub-modules except frozen ones, which stay in eval mode."""
        super().train(mode)
        for module in frozen_layers(self):
            module.eval()
        return self

    def checked_clips(self, frames: Tensor) -> Tensor:
        """Return frames as clips ``(B, T, 3, H, W)`` of the same dtype, after checks.

        Raises:
            ConfigError: another rank, channel order, number of channels, type or clip length.
        """
        if frames.ndim == 4:
            frames = frames.unsqueeze(1)
        if frames.ndim != 5:
            raise ConfigError(f"expected (B, T, 3, H, W) or (B, 3, H, W), got shape {tuple(frames.shape)}")
        if frames.shape[2] != 3:
            swapped = frames.shape[1] == 3
            hint = "; this looks like (B, C, T, H, W): call frames.transpose(1, 2) first" if swapped else ""
            raise ConfigError(
                f"expected 3 channels on axis 2 of (B, T, 3, H, W), got {tuple(frames.shape)}{hint}"
            )
        if not frames.is_floating_point() and frames.dtype != torch.uint8:
            raise ConfigError(
                f"expected uint8 frames, or float frames that are normalised, got {frames.dtype}"
            )
        if self.frames is not None and frames.shape[1] != self.frames:
            raise ConfigError(
                f"{type(self).__name__} takes clips of {self.frames} frames, got {frames.shape[1]}; "
                f"sample clips of {self.frames} frames"
            )
        return frames

    def _as_clips(self, frames: Tensor) -> Tensor:
        clips = self.checked_clips(frames)
        return normalise_frames(clips, self.pixel_mean, self.pixel_std, dtype=self._dtype())

    def _dtype(self) -> torch.dtype:
        """Return the floating dtype of the parameters; `half` and `double` change it."""
        for parameter in self.parameters():
            if parameter.is_floating_point():
                return parameter.dtype
        return torch.float32
