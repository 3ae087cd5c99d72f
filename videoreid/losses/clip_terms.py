"""Terms that look at what video networks say of single frames."""

from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.losses.divergence import divergence_loss
from videoreid.losses.frame_info_nce import frame_info_nce_loss
from videoreid.types import Clip, ReIDOutput

__all__ = ["DivergenceTerm", "FrameInfoNCETerm"]


class FrameInfoNCETerm(nn.Module):
    """Contrast of ``extras["projected_frames"]`` (SINet, SBNet).

    Args:
        temperature: by which cosines are divided.
    """

    def __init__(self, temperature: float = 0.07) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the loss of the named extra.

        Raises:
            ConfigError: the model does not return it.
        """
        frames = _extra(output, "projected_frames", "a network with projection=True (sinet, sbnet)")
        return frame_info_nce_loss(frames, clip.pid, self.temperature)


class DivergenceTerm(nn.Module):
    """Divergence of ``extras["strip_attention"]`` (BiCnet-TKS)."""

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the loss of the named extra.

        Raises:
            ConfigError: the model does not return it.
        """
        return divergence_loss(_extra(output, "strip_attention", "bicnet_tks"))


def _extra(output: ReIDOutput, name: str, giver: str) -> Tensor:
    if name not in output.extras:
        raise ConfigError(f"output.extras lacks {name}: use {giver}, in train mode")
    return output.extras[name]
