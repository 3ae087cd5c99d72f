"""A saved network knows how to build itself."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from videoreid.errors import WeightsError
from videoreid.models import build_model, from_pretrained, save_pretrained
from videoreid.models.osnet import OSNet

FRAMES = torch.randn(1, 2, 3, 64, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("file", ["folder", "net.safetensors"])
@torch.no_grad()
def test_round_trip(tmp_path: Path, file: str) -> None:
    model = build_model(
        "osnet_x0_25", 3, temporal="attention", temporal_options={"hidden": 8}, neck=True
    ).eval()
    path = save_pretrained(model, tmp_path / file)
    assert path.suffix == ".safetensors"
    other = from_pretrained(tmp_path / file)
    assert not other.training
    assert other.build_arguments == model.build_arguments
    assert torch.equal(other(FRAMES), model(FRAMES))
    with safe_open(path, framework="pt") as content:
        assert '"name": "osnet_x0_25"' in content.metadata()["build"]
    assert torch.equal(
        build_model(
            "osnet_x0_25",
            3,
            path,
            **{k: v for k, v in model.build_arguments.items() if k not in ("name", "num_classes")},
        ).eval()(FRAMES),
        model(FRAMES),
    )


@torch.no_grad()
def test_tuples_survive(tmp_path: Path) -> None:
    options = {"temporal": "attention", "temporal_options": {"hidden": 8, "map_size": (2, 1)}}
    model = build_model("resnet18", 3, **options).eval()
    other = from_pretrained(save_pretrained(model, tmp_path))
    assert torch.equal(other(FRAMES), model(FRAMES))


def test_overrides(tmp_path: Path) -> None:
    save_pretrained(build_model("osnet_x0_25", 3), tmp_path)
    other = from_pretrained(tmp_path, num_classes=7)
    assert other.classifier.out_features == 7


def test_a_network_built_by_hand_has_no_arguments(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"not made by build_model.*torch\.save"):
        save_pretrained(OSNet(3), tmp_path)


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weights at .*model\.safetensors"):
        from_pretrained(tmp_path)
    save_file({"a": torch.ones(1)}, tmp_path / "plain.safetensors")
    with pytest.raises(WeightsError, match="does not say how to build"):
        from_pretrained(tmp_path / "plain.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        from_pretrained(tmp_path / "bad.safetensors")


def test_an_incomplete_file_is_refused(tmp_path: Path) -> None:
    model = build_model("osnet_x0_25", 3)
    state = {name: value.clone() for name, value in model.state_dict().items() if not name.startswith("fc.")}
    metadata = {"build": '{"name": "osnet_x0_25", "num_classes": 3}'}
    save_file(state, tmp_path / "part.safetensors", metadata=metadata)
    with pytest.raises(WeightsError, match=r"does not fill the network it describes.*fc\.0\.weight"):
        from_pretrained(tmp_path / "part.safetensors")
