"""Exported files as networks, usable wherever a model is."""

import hashlib
import json
from typing import Literal

import torch
from torch import Tensor

from videoreid.errors import ConfigError, WeightsError
from videoreid.export.metadata import ExportMetadata
from videoreid.export.runtimes import Runtime, run_in_pieces
from videoreid.models.base import ReIDModel
from videoreid.types import ReIDOutput

__all__ = ["ExportedModel", "ForeignModel"]

ChannelOrder = Literal["rgb", "bgr"]


class _Session(ReIDModel):
    """A network without parameters that is always in eval mode; threads may share it."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.runtime = runtime
        self.eval()

    def train(self, mode: bool = True) -> "_Session":  # noqa: FBT001, FBT002 - as in torch
        """Stay in eval mode.

        Raises:
            ConfigError: ``mode`` is True.
        """
        if mode:
            raise ConfigError("an exported network cannot be trained: train the network it was exported from")
        super().train(mode=False)
        return self


class ExportedModel(_Session):
    """A file of `export_model`; built by `videoreid.export.load`.

    Args:
        runtime: the loaded file.
        metadata: record in the file.
    """

    def __init__(self, runtime: Runtime, metadata: ExportMetadata) -> None:
        super().__init__(runtime)
        self.metadata = metadata
        self.embedding_dim = metadata.embedding_dim
        self.input_size = metadata.input_size
        self.frames = metadata.frames
        r, g, b = metadata.pixel_mean
        self.pixel_mean = (r, g, b)
        r, g, b = metadata.pixel_std
        self.pixel_std = (r, g, b)
        self.weights_sha256 = metadata.weights_sha256
        if metadata.precision != "float32":  # rounded weights are other weights
            self.weights_sha256 = _digest_of([metadata.weights_sha256, metadata.precision])

    def forward(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput | Tensor:
        """Return the embedding ``(B, D)``.

        Args:
            frames: as in `ReIDModel.forward`, in the size of the file. Normalised float frames need a file that was
                exported with ``input_type="float32"``.
            camids: not used.

        Raises:
            ConfigError: another shape or type than the file takes.
        """
        clips = self.checked_clips(frames)
        if tuple(clips.shape[-2:]) != self.input_size:
            raise ConfigError(
                f"the exported network takes frames of {self.input_size}, got {tuple(clips.shape[-2:])}: resize them"
            )
        changed = (self.pixel_mean, self.pixel_std) != (self.metadata.pixel_mean, self.metadata.pixel_std)
        if changed:
            raise ConfigError("the normalisation is inside the exported file and cannot be changed")
        if self.metadata.input_type == "float32":
            clips = clips.float() if clips.dtype == torch.uint8 else self._pixels(clips)
        elif clips.is_floating_point():
            raise ConfigError(
                "this file takes uint8 frames and normalises them itself: give uint8 frames, or export with "
                "input_type='float32'"
            )
        return run_in_pieces(self.runtime, clips, self.metadata.batch).float().to(frames.device)

    def _pixels(self, frames: Tensor) -> Tensor:
        """Undo the normalisation, because the file applies it again."""
        mean, std = (frames.new_tensor(values).view(-1, 1, 1) for values in (self.pixel_mean, self.pixel_std))
        return ((frames * std + mean) * 255).float()


class ForeignModel(_Session):
    """An image network from another source: it embeds every frame; a clip's embedding is their mean.

    Args:
        runtime: the loaded file; its one input is images, ``(N, 3, H, W)`` or ``(N, H, W, 3)``.
        size: (height, width) if the file does not fix them.
        channel_order: of the input.
        files_sha256: of the file and the files of its weights (`videoreid.export.digests.files_digest`).

    Raises:
        WeightsError: its input has another form.
        ConfigError: the size is unknown, or differs from the file's.
    """

    def __init__(
        self,
        runtime: Runtime,
        *,
        size: tuple[int, int] | None = None,
        channel_order: ChannelOrder = "rgb",
        files_sha256: str = "",
    ) -> None:
        super().__init__(runtime)
        shape = runtime.input.shape
        if len(shape) != 4 or (shape[1] == 3) == (shape[3] == 3):
            raise WeightsError(
                f"expected an input of images (N, 3, H, W) or (N, H, W, 3), the file has {shape}"
            )
        if channel_order not in ("rgb", "bgr"):
            raise ConfigError(f"channel_order must be 'rgb' or 'bgr', not {channel_order!r}")
        self._channels_last = shape[3] == 3
        self._batch, self._order = shape[0], channel_order
        sides = shape[1:3] if self._channels_last else shape[2:]
        self.input_size = _agreed_size(sides, size)
        self._files_sha256 = files_sha256
        self.embedding_dim = 0  # set below, from a first run
        blank = torch.zeros(1, 3, *self.input_size)
        self.embedding_dim = self._embed(blank).shape[1]

    @property
    def weights_sha256(self) -> str:
        """Checksum of the files and of what the embeddings also depend on: the order and scale of the pixels."""
        floats = self.runtime.input.dtype != torch.uint8  # uint8 files normalise themselves
        scale = [[*map(float, self.pixel_mean)], [*map(float, self.pixel_std)]] if floats else []
        return _digest_of([self._files_sha256, self._order, *self.input_size, *scale])

    def forward(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput | Tensor:
        """Return the mean over the frames of each clip, ``(B, D)``; see `ReIDModel.forward`."""
        clips = self.checked_clips(frames)
        if self.runtime.input.dtype == torch.uint8:  # such a file normalises itself
            if clips.dtype != torch.uint8:
                raise ConfigError("this file takes uint8 frames, not normalised float frames")
        else:
            clips = self._as_clips(clips).float()
        vectors = self._embed(clips.flatten(0, 1))
        return vectors.unflatten(0, clips.shape[:2]).mean(1).to(frames.device)

    def _embed(self, images: Tensor) -> Tensor:
        if self._order == "bgr":
            images = images.flip(1)
        if self._channels_last:
            images = images.permute(0, 2, 3, 1)
        images = images.to(self.runtime.input.dtype)
        return run_in_pieces(self.runtime, images, self._batch).float().flatten(1)


def _digest_of(values: list[object]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _agreed_size(sides: tuple[int | None, ...], size: tuple[int, int] | None) -> tuple[int, int]:
    height, width = sides
    if height is None or width is None:
        if size is None:
            raise ConfigError("the file takes images of any size: give size=(height, width)")
        height, width = height or size[0], width or size[1]
    if size is not None and tuple(size) != (height, width):
        raise ConfigError(f"the file takes images of {(height, width)}, not of size={tuple(size)}")
    return height, width
