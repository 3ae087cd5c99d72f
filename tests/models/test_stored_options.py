"""Weights say with which options their network was built, and no command forgets them."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from videoreid.cli._building import build_with_weights
from videoreid.engine import Engine, TrainSettings
from videoreid.engine.checkpointing import save_checkpoint
from videoreid.errors import WeightsError
from videoreid.losses import SoftmaxCriterion
from videoreid.models import ReIDModel, build_model, from_pretrained, load_weights, save_pretrained
from videoreid.models.loading import stored_options

NAME = "osnet_x0_25"
FRAMES = torch.randint(
    0, 256, (1, 4, 3, 64, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


def network(**options: Any) -> ReIDModel:
    torch.manual_seed(0)
    return build_model(NAME, 3, **options).eval()


def embed(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        embedding: torch.Tensor = model.eval()(FRAMES)
    return embedding


@pytest.fixture(params=["state dict", "parallel", "checkpoint", "safetensors"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Weights of a network with ``temporal="max"``, which has the tensors of the default."""
    model, path = network(temporal="max"), tmp_path / "w.pth"
    if request.param == "state dict":
        torch.save(model.state_dict(), path)
    elif request.param == "parallel":
        torch.save({"state_dict": nn.DataParallel(model).state_dict(), "epoch": 3}, path)
    elif request.param == "checkpoint":
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        engine = Engine(model, SoftmaxCriterion(), optimizer, settings=TrainSettings(), device="cpu")
        save_checkpoint(engine.state_dict(), path)
    else:
        path = tmp_path / "w.safetensors"
        save_pretrained(model, path)
    return path


def test_commands_build_the_network_that_was_saved(saved: Path) -> None:
    assert stored_options(NAME, saved) == {"temporal": "max"}
    assert stored_options("osnet_x0_5", saved) == {}
    expected = embed(network(temporal="max"))
    assert not torch.allclose(expected, embed(network()))
    torch.testing.assert_close(embed(build_with_weights(NAME, str(saved))), expected)


def test_other_options_are_told(saved: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "videoreid"):
        load_weights(network(temporal="max"), saved)
        assert "was saved from" not in caplog.text
        load_weights(network(), saved)
    assert (
        "was saved from osnet_x0_25 with temporal='max', but this network has the default options"
        in caplog.text
    )
    caplog.clear()
    with caplog.at_level(logging.WARNING, "videoreid"):
        load_weights(build_model("osnet_ain_x0_25"), saved, partial=True)
    assert "was saved from" not in caplog.text, "another network has options of its own"


def test_weights_of_the_default_say_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save(network(temporal="average").state_dict(), tmp_path / "w.pth")
    with caplog.at_level(logging.WARNING, "videoreid"):
        load_weights(network(), tmp_path / "w.pth")
    assert "was saved from" not in caplog.text


def test_old_weights_without_options_load(tmp_path: Path) -> None:
    state = network().state_dict()
    del state._metadata[""]["videoreid"]["build"]  # type: ignore[attr-defined]  # as older versions saved
    torch.save(state, tmp_path / "w.pth")
    assert stored_options(NAME, tmp_path / "w.pth") == {}
    torch.testing.assert_close(embed(build_with_weights(NAME, str(tmp_path / "w.pth"))), embed(network()))


def test_a_file_names_no_other_file(tmp_path: Path) -> None:
    state = network().state_dict()
    state._metadata[""]["videoreid"]["build"]["pretrained"] = "https://host/x"  # type: ignore[attr-defined]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="no weights, files or addresses"):
        build_with_weights(NAME, str(tmp_path / "w.pth"))


def test_options_that_are_no_plain_values_are_left_out() -> None:
    model = network()
    model.build_arguments = {"name": NAME, "hook": print, "sizes": (1, 2), "more": {"p": 3.0}}
    build = model.state_dict()._metadata[""]["videoreid"]["build"]  # type: ignore[attr-defined]
    assert build == {"name": NAME, "sizes": (1, 2), "more": {"p": 3.0}}


def test_saved_networks_build_themselves(tmp_path: Path) -> None:
    model = network(temporal="attention", temporal_options={"hidden": 8})
    save_pretrained(model, tmp_path / "w.safetensors")
    torch.testing.assert_close(embed(from_pretrained(tmp_path / "w.safetensors")), embed(model))
