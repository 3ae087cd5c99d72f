import torch

from videoreid.models.layers.gem import GeM


def test_equals_the_power_mean_by_hand() -> None:
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert torch.allclose(GeM(axes=2)(x), torch.tensor([[((1 + 8 + 27 + 64) / 4) ** (1 / 3)]]), atol=1e-4)
    assert torch.allclose(GeM(axes=1, p=1.0)(x[0, 0]), torch.tensor([1.5, 3.5]), atol=1e-4)


def test_lifts_what_is_not_positive_to_a_millionth() -> None:
    assert torch.allclose(GeM(axes=1)(torch.tensor([[-3.0, -4.0]])), torch.tensor([1e-6]), rtol=1e-3)


def test_the_exponent_learns() -> None:
    pool = GeM(axes=2)
    pool(torch.rand(2, 3, 4, 4)).sum().backward()
    assert pool.p.grad is not None
    assert pool.p.grad.item() > 0
    assert "p=3" in repr(pool)
