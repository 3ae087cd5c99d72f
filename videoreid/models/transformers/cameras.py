"""Networks with camera embeddings, and the lookup of these embeddings."""

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.types import ReIDOutput

__all__ = ["CameraModel", "camera_offsets", "camera_table"]


class CameraModel(ReIDModel):
    """Base class of networks whose `forward_clips` takes the cameras of the clips as a second argument."""

    def forward(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput | Tensor:
        """Run the network like `ReIDModel.forward`, with the cameras of the clips.

        Args:
            frames: ``(B, T, 3, H, W)`` or ``(B, 3, H, W)``; uint8, or float that is normalised.
            camids: ``(B,)`` int64, -1 for unknown cameras; only a network built with `num_cameras` uses them.

        Raises:
            ConfigError: another shape of frames; no cameras for a network that was built with `num_cameras`; a camera
                number that is too large.
        """
        output = self.forward_clips(self._as_clips(frames), camids)
        return output if self.training else output.embedding

    def forward_clips(self, frames: Tensor, camids: Tensor | None = None) -> ReIDOutput:
        """Run the network.

        Args:
            frames: ``(B, T, 3, H, W)`` float, normalised.
            camids: ``(B,)`` int64, -1 for unknown cameras.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement forward_clips")


def camera_table(num_cameras: int, shape: tuple[int, ...]) -> nn.Parameter | None:
    """Return a parameter ``(num_cameras, *shape)`` ~ truncated normal with std 0.02, or None for no camera.

    Raises:
        ConfigError: a negative number of cameras.
    """
    if num_cameras < 0:
        raise ConfigError(f"num_cameras must be 0 (no camera embedding) or more, got {num_cameras}")
    if num_cameras == 0:
        return None
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(num_cameras, *shape), std=0.02))


def camera_offsets(table: Tensor | None, camids: Tensor | None, frames: Tensor) -> Tensor | None:
    """Return the camera embedding of every frame, ``(B * T, D)``; unknown cameras have zeros.

    Args:
        table: ``(num_cameras, D)``, or None if the network has no camera embedding.
        camids: ``(B,)`` int64, -1 for unknown cameras.
        frames: ``(B, T, 3, H, W)`` of the same clips.

    Returns:
        The embeddings, or None without a table.

    Raises:
        ConfigError: a table but no cameras, a number of cameras other than B, or a camera number that is too large.
    """
    if table is None:
        return None
    if camids is None:
        raise ConfigError(
            "this network was built with num_cameras and needs the cameras of the clips: call "
            "model(frames, camids) with camids (B,), -1 where the camera is unknown"
        )
    if camids.shape != frames.shape[:1]:
        raise ConfigError(f"expected camids ({len(frames)},), one per clip, got {tuple(camids.shape)}")
    if camids.device.type == "cpu" and not torch.compiler.is_compiling() and int(camids.max()) >= len(table):
        raise ConfigError(
            f"camera {int(camids.max())}, but the network was built for {len(table)} cameras; pass -1 if unknown"
        )
    found = torch.where((camids < 0)[:, None], 0.0, table[camids.clamp(min=0)])
    return found.repeat_interleave(frames.shape[1], dim=0)
