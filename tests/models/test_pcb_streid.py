"""The visual stream of st-ReID."""

import pytest
import torch

from tests.models.published import assert_agrees_with_published, parameters_without_gradient
from videoreid.models import build_model, load_weights

SMALL = {"backbone": "resnet18", "height": 96, "width": 48}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("figures", "method"), [("streid_pcb_test", "part_features"), ("streid_pcb_logits", "part_logits")]
)
def test_answers_as_published(figures: str, method: str) -> None:
    assert_agrees_with_published(figures, "pcb_streid", num_classes=751, method=method)


def test_embedding_is_six_unit_stripes() -> None:
    model = build_model("pcb_streid", num_classes=5, **SMALL).eval()
    frames = torch.rand(2, 3, 3, 96, 48)
    with torch.inference_mode():
        stripes = model(frames).unflatten(1, (512, 6))
        assert torch.allclose(stripes.norm(dim=1), torch.ones(2, 6), atol=1e-5)
        parts = torch.stack([model.part_features(frames[:, t]) for t in range(3)]).mean(0)
        for stripe in range(6):
            part = parts[:, :, stripe]
            assert torch.allclose(stripes[:, :, stripe], part / part.norm(dim=1, keepdim=True), atol=1e-5)


def test_stripes_are_rows_of_the_map() -> None:
    model = build_model("pcb_streid", num_classes=5, **SMALL).eval()
    frames = torch.rand(1, 3, 96, 48)
    with torch.inference_mode():
        maps = model.backbone(frames[:, None])[:, 0]  # 6 x 3
        assert torch.allclose(model.part_features(frames), maps.mean(3), atol=1e-6)


def test_mirror_adds_stripes_before_their_length_is_taken() -> None:
    plain = build_model("pcb_streid", num_classes=5, **SMALL).eval()
    mirrored = build_model("pcb_streid", num_classes=5, mirror=True, **SMALL).eval()
    mirrored.load_state_dict(plain.state_dict())
    frames = torch.rand(1, 2, 3, 96, 48)
    with torch.inference_mode():
        total = plain.part_features(frames) + plain.part_features(frames.flip(-1))
        assert torch.allclose(
            mirrored(frames), torch.nn.functional.normalize(total, dim=1).flatten(1), atol=1e-6
        )


def test_train_contract() -> None:
    torch.manual_seed(0)
    model = build_model("pcb_streid", num_classes=5, **SMALL)
    output = model(torch.rand(3, 2, 3, 96, 48))
    assert [logits.shape for logits in output.logits] == [(3, 5)] * 6
    assert output.embedding.shape == (3, model.embedding_dim) == (3, 3072)
    assert parameters_without_gradient(model, torch.rand(4, 2, 3, 96, 48)) == []


def test_a_checkpoint_without_heads_is_whole() -> None:
    model = build_model("pcb_streid", num_classes=5, **SMALL)
    trunk = {f"model.{name}": value for name, value in model.backbone.state_dict().items()}
    trunk["model.fc.weight"] = torch.zeros(1000, 512)
    report = load_weights(model, trunk)
    assert not report.missing
    assert not report.unexpected
    assert all(name.startswith("heads.") for name in report.optional)
