"""``videoreid extract --run``: features of a trained recipe, by its own test rule, ready for ``videoreid st fit``."""

import json
from pathlib import Path

import pytest
import torch

from videoreid.cli import main
from videoreid.data.datasets.synthetic import write_market1501
from videoreid.errors import ConfigError
from videoreid.metrics import SpatialTemporalModel
from videoreid.models import build_model
from videoreid.recipes import get_recipe, override, read_run_recipe, settings_of
from videoreid.retrieval import read_features

NUMBERS = {
    "height": 48,
    "width": 24,
    "batch_size": 8,
    "epochs": 1,
    "model.backbone": "resnet18",
    "model.mirror": True,
}


def write_run(folder: Path, root: Path, *, identities: int) -> Path:
    """Leave the folder of a run that was not trained."""
    recipe = override(get_recipe("streid_pcb").on("market1501"), NUMBERS)
    folder.mkdir()
    notes = {"recipe": settings_of(recipe), "dataset": {"name": "market1501", "root": str(root)}}
    (folder / "run.json").write_text(json.dumps(notes))
    torch.manual_seed(0)
    model = build_model("pcb_streid", identities, **recipe.model_options)
    torch.save(model.state_dict(), folder / "checkpoint-00000001.pt")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    torch.save(model.state_dict(), folder / "checkpoint-00000002.pt")
    return folder


def test_a_run_is_extracted_and_its_transitions_are_learnt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_market1501(tmp_path / "market", identities=10, images=1)
    run, features = write_run(tmp_path / "run", root, identities=6), tmp_path / "f.h5"
    recipe, dataset = read_run_recipe(run)
    assert recipe == override(get_recipe("streid_pcb").on("market1501"), NUMBERS)
    assert dataset["root"] == str(root)
    command = ["extract", "--run", str(run)]
    assert main([*command, "--output", str(features)]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    stored = read_features(features)
    assert stored.protocol == "market1501_toolkit"
    assert stored.details["frames"] == "1 evenly"
    assert stored.train is not None
    assert f"{len(stored.train)} training sightings, by the test rule of streid_pcb" in printed
    other = tmp_path / "g.h5"
    first = str(run / "checkpoint-00000001.pt")
    assert main([*command, "--output", str(other), "--weights", first]) == 0
    assert not torch.equal(read_features(other).query.embeddings, stored.query.embeddings), (
        "the newest is taken"
    )
    assert main(["st", "fit", str(features), "--output", str(tmp_path / "st.npz")]) == 0
    assert SpatialTemporalModel.load(tmp_path / "st.npz").histogram.shape[2] == 5000


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ["--output", str(tmp_path / "f.h5")]
    assert main(["extract", "--run", str(tmp_path), *output]) == 2
    assert "holds no run of a recipe" in capsys.readouterr().err
    assert main(["extract", "--run", str(tmp_path), "--model", "psta", "--flip", *output]) == 2
    assert "leave --model, --flip out" in capsys.readouterr().err
    assert main(["extract", "--run", str(tmp_path), "--channel-order", "bgr", *output]) == 2
    assert "leave --channel-order out" in capsys.readouterr().err
    assert main(["extract", "--dataset", "mars", *output]) == 2
    assert "--model is missing" in capsys.readouterr().err
    recipe = settings_of(get_recipe("psta"))
    notes = {"recipe": recipe, "dataset": {"name": "mars", "root": str(tmp_path)}}
    (tmp_path / "run.json").write_text(json.dumps(notes))
    assert main(["extract", "--run", str(tmp_path), *output]) == 2
    assert "holds no checkpoint" in capsys.readouterr().err
    (tmp_path / "run.json").write_text(json.dumps({**notes, "recipe": {**recipe, "future": 1}}))
    with pytest.raises(ConfigError, match="no setting 'future'"):
        read_run_recipe(tmp_path)
    assert not (tmp_path / "f.h5").exists()
