"""Multi-range aggregation."""

import pytest
import torch

from tests.models.published import parameters_without_gradient
from videoreid.errors import ConfigError
from videoreid.models import build_model

SMALL = {"backbone": "resnet18", "height": 64, "width": 32}


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8])
def test_any_length(length: int) -> None:
    model = build_model("mra", num_classes=5, **SMALL)
    frames = torch.rand(2, length, 3, 64, 32)
    output = model(frames)
    assert [logits.shape for logits in output.logits] == [(2, 5)] * 3
    assert torch.equal(output.embedding, output.features[-1])
    assert model.eval()(frames[:1]).shape == (1, 512)


def test_one_supervised_head_per_range() -> None:
    model = build_model("mra", num_classes=5, ranges=(1, 2, 4, 8), **SMALL)
    assert len(model(torch.rand(2, 5, 3, 64, 32)).logits) == 4


@pytest.mark.parametrize("switches", [{}, {"use_rfg": False}, {"use_grm": False}, {"use_sfm": False}])
def test_every_parameter_learns(switches: dict[str, bool]) -> None:
    torch.manual_seed(0)
    model = build_model("mra", num_classes=5, **SMALL, **switches)
    assert parameters_without_gradient(model, torch.rand(4, 4, 3, 64, 32)) == []


def test_a_switched_off_module_costs_nothing() -> None:
    whole = sum(p.numel() for p in build_model("mra", num_classes=5, **SMALL).parameters())
    for switch in ("use_rfg", "use_grm", "use_sfm"):
        assert (
            sum(p.numel() for p in build_model("mra", num_classes=5, **SMALL, **{switch: False}).parameters())
            < whole
        )


def test_without_modules_it_is_generalised_mean_pooling_of_range_averages() -> None:
    model = build_model("mra", num_classes=5, use_rfg=False, use_grm=False, use_sfm=False, **SMALL).eval()
    frames = torch.rand(2, 4, 3, 64, 32)
    with torch.inference_mode():
        maps = model.backbone(frames)
        pairs = [model.pool((maps[:, i] + maps[:, i + 1]) / 2) for i in (0, 2)]
        vectors = [model.pool(maps).mean(1), (pairs[0] + pairs[1]) / 2, model.pool(maps.mean(1))]
        assert torch.allclose(model(frames), model.necks[0](sum(vectors) / 3), atol=1e-5)


@pytest.mark.parametrize("ranges", [(), (0, 2), (1, 2, 3), (4, 2)])
def test_ranges_must_nest(ranges: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="multiples"):
        build_model("mra", ranges=ranges, **SMALL)
