import torch

from videoreid.models.layers.bn_neck import bn_neck, identity_classifier


def test_the_bias_of_a_neck_is_fixed_at_zero() -> None:
    neck = bn_neck(4)
    assert not neck.bias.requires_grad
    assert neck.fixed_by_design == ("bias",)
    assert neck.bias.tolist() == [0.0] * 4
    assert neck.weight.requires_grad


def test_logits_start_near_zero() -> None:
    torch.manual_seed(0)
    with_bias, without = (identity_classifier(64, 500, bias=bias) for bias in (True, False))
    assert abs(with_bias.weight.std().item() - 0.001) < 1e-4
    assert not with_bias.bias.any()
    assert without.bias is None
