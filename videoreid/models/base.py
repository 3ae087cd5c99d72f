"""The contract of every network: clips in, `ReIDOutput` in train mode, the embedding in eval mode."""

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
    """Base class of the zoo.

    A subclass implements `forward_clips` and sets the attributes below; this class alone decides what a caller
    sees in each mode, so that trackers and exporters get a plain tensor and losses get everything.

    Attributes:
        embedding_dim: width D of the embedding.
        input_size: (height, width) the published weights were trained at; other sizes work unless stated.
        frames: clip length T the network is fixed to, or None for any.
        pixel_mean: normalisation the weights expect, per channel on the 0..1 scale; applied by `forward` to uint8
            frames, written into every state dict and read back from it.
        pixel_std: likewise.
        clip_rule: how the authors of the loaded weights cut clips (`videoreid.models.weights.ClipRule`), where known.
        uses_cameras: forward takes the camera numbers of the clips, ``(B,)`` int64, as a second argument.
        stages: names of the sub-modules from input to output, for freezing.
        map_layer: dotted name of the layer whose maps show where the network looks; "" leaves it to
            `videoreid.visual.activation_maps`, which takes the last layer with a map of every frame.
        key_rules: (regular expression, replacement) pairs, tried in order, that turn the parameter names of published
            checkpoints into ours; a replacement of None leaves the entry out. Our own names must pass unchanged.
        optional_keys: regular expressions of our parameters that a published checkpoint may lack without loss to
            the embedding (heads that only training uses).
        build_arguments: what `build_model` was called with, the weights left out; empty for a network built by hand.
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
        """Run the network; one that `uses_cameras` takes ``camids`` as a second argument.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.

        Returns:
            All heads. In eval mode ``logits`` and ``features`` may be empty.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement forward_clips")

    def forward(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput | Tensor:
        """Return `ReIDOutput` in train mode and the embedding ``(B, D)`` in eval mode.

        Args:
            frames: ``(B, T, 3, H, W)``, or ``(B, 3, H, W)`` for clips of one frame; uint8 RGB in 0..255, which is
                normalised here with `pixel_mean` and `pixel_std`, or float that is normalised already.
            camids: ``(B,)`` int64, -1 where unknown; only a network that `uses_cameras` looks at them.

        Raises:
            ConfigError: another rank, channel order, number of channels, type or clip length.
        """
        cameras = (camids,) if self.uses_cameras else ()
        output: ReIDOutput = self.forward_clips(self._as_clips(frames), *cameras)
        return output if self.training else output.embedding

    def map_order(self, frames: int) -> list[int] | None:
        """Return the frame of each map that `map_layer` gives of a clip; None where it is the order of the frames."""
        return None

    def translate_state_dict(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the entries of a published checkpoint under our names; those that no part of ours uses are left out.

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

        They stay so, whatever layers an engine opens and closes, until `unfreeze`.

        Raises:
            ConfigError: a name is not a sub-module.
        """
        freeze_layers(self, stages)

    def unfreeze(self, stages: Sequence[str] | None = None) -> None:
        """Let the named sub-modules train again; all of them by default.

        Parameters that a network keeps fixed by design (the bias of a BN neck) stay fixed.
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
        """Switch the mode of all but the frozen sub-modules, which stay in eval mode."""
        super().train(mode)
        for module in frozen_layers(self):
            module.eval()
        return self

    def checked_clips(self, frames: Tensor) -> Tensor:
        """Return frames as clips ``(B, T, 3, H, W)`` of the type they have.

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
        """Return the floating type of the parameters, which `half`, `double` and torch's default type change."""
        for parameter in self.parameters():
            if parameter.is_floating_point():
                return parameter.dtype
        return torch.float32
