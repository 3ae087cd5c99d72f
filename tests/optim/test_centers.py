import pytest
import torch

from videoreid.errors import ConfigError
from videoreid.losses import CenterLoss
from videoreid.optim import build_center_optimizer


def test_a_centre_moves_by_its_share_of_the_gap_to_its_batch_mean():
    torch.manual_seed(0)
    loss = CenterLoss(3, 4)
    before = loss.centers.detach().clone()
    rows, pids = torch.randn(32, 4), torch.tensor([0] * 4 + [1] * 28)
    optimizer = build_center_optimizer(loss.parameters())
    (5e-4 * loss(rows, pids)).backward()
    optimizer.step()
    moved = loss.centers.detach() - before
    assert torch.allclose(moved[0], 4 / 32 * (rows[:4].mean(0) - before[0]), atol=1e-5)
    assert torch.allclose(moved[1], 28 / 32 * (rows[4:].mean(0) - before[1]), atol=1e-5)
    assert torch.count_nonzero(moved[2]) == 0


def test_errors():
    with pytest.raises(ConfigError, match="above 0"):
        build_center_optimizer([torch.nn.Parameter(torch.zeros(1))], loss_weight=0)
    with pytest.raises(ConfigError, match="got 0 and"):
        build_center_optimizer([])
