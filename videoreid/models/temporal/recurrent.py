"""Recurrent temporal heads: LSTM and GRU."""

from torch import Tensor, nn

from videoreid.models.temporal.registry import TEMPORAL, TemporalHead

__all__ = ["GRUPool", "LSTMPool"]


class _RecurrentPool(TemporalHead):
    """Read the frames in order and average the outputs over time."""

    def __init__(self, network: nn.Module, out_dim: int) -> None:
        super().__init__()
        self.network = network
        self.out_dim = out_dim

    def forward(self, features: Tensor, maps: Tensor | None = None) -> Tensor:
        """Return the mean output ``(B, hidden)`` over ``features (B, T, D)``."""
        outputs, _ = self.network(features)
        return outputs.mean(dim=1)


@TEMPORAL.register("lstm")
class LSTMPool(_RecurrentPool):
    """Read the frames with an LSTM and average its outputs.

    Args:
        dim: width D of the frame vectors.
        hidden: width of the state, and of the clip vector.
        layers: number of stacked layers.

    Reference:
        McLaughlin et al., Recurrent Convolutional Network for Video-Based Person Re-Identification, CVPR 2016 (with a
        plain recurrent layer); Gao and Nevatia, 2018, https://arxiv.org/abs/1805.02104 (with this LSTM).
    """

    def __init__(self, dim: int, *, hidden: int = 512, layers: int = 1) -> None:
        super().__init__(nn.LSTM(dim, hidden, num_layers=layers, batch_first=True), hidden)


@TEMPORAL.register("gru")
class GRUPool(_RecurrentPool):
    """Read the frames with a GRU and average its outputs.

    Args:
        dim: width D of the frame vectors.
        hidden: width of the state, and of the clip vector.
        layers: number of stacked layers.
    """

    def __init__(self, dim: int, *, hidden: int = 512, layers: int = 1) -> None:
        super().__init__(nn.GRU(dim, hidden, num_layers=layers, batch_first=True), hidden)
