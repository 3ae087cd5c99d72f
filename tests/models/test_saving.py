"""A saved network knows how to build itself."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from videoreid.errors import WeightsError
from videoreid.models import ReIDModel, build_model, from_pretrained, load_weights, save_pretrained
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


def changed(model: ReIDModel) -> ReIDModel:
    model.pixel_mean, model.pixel_std, model.input_size = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), (96, 48)
    return model


def settings(model: ReIDModel) -> tuple[object, ...]:
    return tuple(model.pixel_mean), tuple(model.pixel_std), tuple(model.input_size), model.uses_cameras


@torch.no_grad()
def test_normalisation_and_size_travel_with_the_weights(tmp_path: Path) -> None:
    model = changed(build_model("osnet_x0_25", 3)).eval()
    frames = torch.randint(0, 256, (2, 1, 3, 96, 48), dtype=torch.uint8)
    save_pretrained(model, tmp_path)
    torch.save({"state_dict": torch.nn.DataParallel(model).state_dict()}, tmp_path / "net.pt")
    again = {
        "from_pretrained": from_pretrained(tmp_path),
        "for other identities": from_pretrained(tmp_path, num_classes=7),
        "safetensors": build_model("osnet_x0_25", 3, pretrained=tmp_path / "model.safetensors"),
        "pt": build_model("osnet_x0_25", 3, pretrained=tmp_path / "net.pt"),
    }
    for name, other in again.items():
        assert settings(other) == settings(model), name
        assert torch.equal(other.eval()(frames), model(frames)), name
    twice = from_pretrained(save_pretrained(again["pt"], tmp_path / "twice"))
    assert settings(twice) == settings(model)


def test_a_size_that_was_asked_for_stays(tmp_path: Path) -> None:
    small = build_model("tracklet_vit", 3, backbone="vit_ti_16", height=64, width=32)
    save_pretrained(small, tmp_path)
    large = from_pretrained(tmp_path, height=128, width=64)
    assert large.input_size == (128, 64)
    assert large.pixel_mean == small.pixel_mean
    other = build_model(
        "tracklet_vit", 3, backbone="vit_ti_16", height=128, width=64, weights_style="imagenet"
    )
    load_weights(other, small.state_dict(), partial=True)
    assert other.input_size == (128, 64)
    assert other.pixel_mean == small.pixel_mean, "the weights were trained with it"


def test_use_of_cameras_travels_too(tmp_path: Path) -> None:
    options = {"backbone": "vit_ti_16", "height": 64, "width": 32}
    with_cameras = build_model("tracklet_vit", 3, num_cameras=4, **options)
    assert from_pretrained(save_pretrained(with_cameras, tmp_path / "a")).uses_cameras
    with_cameras.uses_cameras = False
    assert not from_pretrained(save_pretrained(with_cameras, tmp_path / "b")).uses_cameras
    without = build_model("tracklet_vit", 3, **options)
    load_weights(without, tmp_path / "a" / "model.safetensors")
    assert not without.uses_cameras, "it has no embeddings of cameras"


def test_settings_that_no_network_has(tmp_path: Path) -> None:
    model = build_model("osnet_x0_25", 3)
    model.pixel_std = (0.0, 0.2, 0.2)
    with pytest.raises(WeightsError, match=r"standard deviations greater than 0"):
        save_pretrained(model, tmp_path)
    state = build_model("osnet_x0_25", 3).state_dict()
    state._metadata[""]["videoreid"] = {"pixel_mean": [0.5]}  # type: ignore[attr-defined]
    with pytest.raises(WeightsError, match="input settings beside the weights cannot be read"):
        load_weights(build_model("osnet_x0_25", 3), state)


def test_files_of_earlier_versions_have_no_settings(tmp_path: Path) -> None:
    model = build_model("osnet_x0_25", 3)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    save_file(
        state, tmp_path / "model.safetensors", metadata={"build": '{"name": "osnet_x0_25", "num_classes": 3}'}
    )
    assert from_pretrained(tmp_path).pixel_mean == model.pixel_mean
