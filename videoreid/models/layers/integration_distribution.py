"""Integration-and-distribution module (IDM): it mixes all positions of a clip through few descriptors."""

from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.layers.non_local import init_from_fan_out

__all__ = ["INTEGRATION_KEY_RULES", "IntegrationDistribution"]

INTEGRATION_KEY_RULES: tuple[tuple[str, str], ...] = (
    ("chl_reduction.0.", "narrow."),
    ("chl_reduction.1.", "narrow_bn."),
    ("chl_expansion.0.", "widen."),
    ("thw_reduction.0.", "integrate."),
    ("thw_reduction.1.", "integrate_bn."),
    ("thw_expansion.0.", "distribute."),
)
"""(published, ours): prefixes of the parameter names."""


class IntegrationDistribution(nn.Module):
    """Mix all N = T * h * w positions of a clip by two linear layers, N -> N / 16 -> N (IDM).

    The positions are the channels of these layers, so clip length, height and width are fixed when the module is built.
    Between the two layers there is a batch normalisation and no ReLU. The last convolution is initialised with zeros.

    Args:
        channels: C of the maps.
        positions: number of positions N = T * h * w.
        factor: reduction of channels and positions.

    Raises:
        ConfigError: fewer channels or positions than the factor; (in forward) maps of another size.

    Reference:
        Bai et al., Salient-to-Broad Transition for Video Person Re-identification, CVPR 2022.
    """

    def __init__(self, channels: int, positions: int, *, factor: int = 16) -> None:
        super().__init__()
        if min(channels, positions) < factor:
            raise ConfigError(
                f"integration and distribution reduces channels and positions by {factor}, got {channels} and "
                f"{positions}; give larger frames or longer clips"
            )
        inner = channels // factor
        self.positions = positions
        self.narrow = nn.Conv3d(channels, inner, 1)
        self.narrow_bn = nn.BatchNorm3d(inner)
        self.widen = nn.Conv3d(inner, channels, 1)
        self.integrate = nn.Conv2d(positions, positions // factor, 1)
        self.integrate_bn = nn.BatchNorm2d(positions // factor)
        self.distribute = nn.Conv2d(positions // factor, positions, 1)
        for conv in (self.narrow, self.integrate, self.distribute):
            init_from_fan_out(conv)
        nn.init.zeros_(self.widen.weight)
        nn.init.zeros_(self.widen.bias)  # type: ignore[arg-type]

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps ``(B, C, T, h, w)`` with all positions mixed."""
        if maps[0, 0].numel() != self.positions:
            raise ConfigError(
                f"this network was built for {self.positions} positions, got maps of {tuple(maps.shape[2:])}; give "
                "frames of the size and clips of the length that it was built for"
            )
        narrow = self.narrow_bn(self.narrow(maps))
        columns = narrow.flatten(2).transpose(1, 2)[..., None]  # (B, Thw, C/16, 1)
        columns = columns + self.distribute(self.integrate_bn(self.integrate(columns)))
        mixed = columns[..., 0].transpose(1, 2).unflatten(2, maps.shape[2:])
        return (maps + self.widen(mixed)).relu()
