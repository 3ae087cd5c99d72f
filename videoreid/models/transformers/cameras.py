"""Networks that are told which camera saw a clip, and the embedding of that camera."""

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.types import ReIDOutput

__all__ = ["CameraModel", "camera_offsets", "camera_table"]


class CameraModel(ReIDModel):
    """A network whose `forward_clips` takes the cameras of the clips as a second argument."""

    def forward(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput | Tensor:
        """Run the network as every `ReIDModel`, with the cameras of the clips.

        Args:
            frames: ``(B, T, 3, H, W)`` or ``(B, 3, H, W)`` float, normalised.
            camids: ``(B,)`` int64, -1 where unknown; only a network built with `num_cameras` looks at them.

        Raises:
            ConfigError: another shape of frames; no cameras for a network that was built with them; a camera beyond
                `num_cameras`.
        """
        output = self.forward_clips(self._as_clips(frames), camids)
        return output if self.training else output.embedding

    def forward_clips(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput:
        """Run the network.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.
            camids: ``(B,)`` int64, -1 where unknown.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement forward_clips")


def camera_table(num_cameras: int, shape: tuple[int, ...]) -> nn.Parameter | None:
    """Return a parameter ``(num_cameras, *shape)``, truncated normal of 0.02, or None for no camera.

    Raises:
        ConfigError: a negative number of cameras.
    """
    if num_cameras < 0:
        raise ConfigError(f"num_cameras must be 0 (no camera embedding) or more, got {num_cameras}")
    if num_cameras == 0:
        return None
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(num_cameras, *shape), std=0.02))


def camera_offsets(table: Tensor | None, camids: Tensor | None, frames: Tensor) -> Tensor | None:
    """Return what each frame's camera adds to its tokens: ``(B * T, D)``, 0 for unknown cameras.

    Args:
        table: ``(num_cameras, D)``, or None where the network has no camera embedding.
        camids: ``(B,)`` int64, -1 where unknown.
        frames: ``(B, T, 3, H, W)`` of the same clips.

    Raises:
        ConfigError: a table without cameras to look up, another number of them than clips, or a camera beyond it.
    """
    if table is None:
        return None
    if camids is None:
        raise ConfigError(
            "this network was built with num_cameras and needs the cameras of the clips: call "
            "model(frames, camids) with camids (B,), -1 where the camera is unknown"
        )
    if camids.shape != frames.shape[:1]:
        raise ConfigError(f"expected camids ({len(frames)},), one a clip, got {tuple(camids.shape)}")
    if camids.device.type == "cpu" and not torch.compiler.is_compiling() and int(camids.max()) >= len(table):
        raise ConfigError(
            f"camera {int(camids.max())}, but the network was built for {len(table)}: build it with more, or pass -1"
        )
    found = torch.where((camids < 0)[:, None], 0.0, table[camids.clamp(min=0)])
    return found.repeat_interleave(frames.shape[1], dim=0)
