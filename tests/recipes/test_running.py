"""Recipes run: a few steps on a small world, a folder that explains itself, a resume, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from videoreid.cli import main
from videoreid.data.datasets.synthetic import write_market1501, write_mars
from videoreid.errors import ConfigError
from videoreid.recipes import get_recipe, score_features
from videoreid.types import Features, Splits

SMALL = {
    "pretrained": False, "height": 64, "width": 32, "batch_size": 4, "epochs": 2, "model.backbone": "resnet18",
    "test_batch_size": 16,
}  # fmt: skip
FAST = ("vpreid_baseline", "temporal_pooling", "tricks_attention", "streid_pcb", "ilids_osnet_x1_0_t")
SLOW = (
    "vpreid_me", "vpreid_gemme", "vpreid_coordatt3d", "vpreid_multiloss", "vpreid_gcm", "vpreid_ame", "vpreid_mra",
    "psta", "temporal_image", "temporal_attention", "temporal_rnn", "temporal_3d", "tricks_baseline", "tricks_bot",
    "tricks_osm", "tricks_centers", "tricks_search", "ilids_osnet_x1_0_s", "ilids_resnet50mid_s",
    "ilids_resnet50mid_t", "ilids_pcb_p4_s", "ilids_resnet101_s", "ilids_ours_osnet_x1_0_t", "ilids_hacnn_s",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mars(tmp_path_factory.mktemp("recipes") / "mars", identities=10, frames=5)


def train(name: str, root: Path, output: Path, *more: str, dataset: str = "mars", **settings: object) -> int:
    recipe = get_recipe(name)
    numbers = {**SMALL, **settings}
    if recipe.model in ("osnet_x1_0", "resnet50mid", "hacnn", "pcb_p4", "resnet101", "resnet50_3d"):
        del numbers["model.backbone"]
    if recipe.model == "hacnn":
        numbers |= {"height": 160, "width": 64}
    if recipe.instances > 1:
        numbers["instances"] = 2
    if recipe.num_frames > 4:
        numbers["num_frames"] = 4
    options = [f"--set={key}={value}" for key, value in numbers.items()]
    common = [
        "--dataset",
        dataset,
        "--root",
        str(root),
        "--output",
        str(output),
        "--workers",
        "0",
        "--device",
        "cpu",
    ]
    return main(["train", name, *common, *options, *more])


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_a_recipe_trains_and_is_scored_beside_what_is_published(
    name: str, world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(name, world, tmp_path, "--max-steps", "1", "--no-validation") == 0
    printed = capsys.readouterr().out
    recipe = get_recipe(name)
    assert "saved, run again to go on" in printed
    assert f"protocol {recipe.on('mars').protocol or 'mars_official'}" in printed
    scores = recipe.scores_on("mars")
    assert printed.count("published ") == len(scores) + (not scores)
    assert ("nothing is published for" in printed) == (not scores)
    assert printed.count("\nre-ranked ") == recipe.reranked
    assert list(tmp_path.glob("checkpoint-*.pt"))


def test_a_run_folder_explains_itself_and_resumes(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("vpreid_baseline", world, tmp_path)
    assert train(*run, "--max-steps", "3", "--no-validation", "--two-blocks", epochs=3) == 0
    first = capsys.readouterr().out
    assert "saved, run again to go on" in first
    assert "\nre " in first
    assert "protocol camera_aware" in first
    assert "resumed" not in first
    notes = json.loads((tmp_path / "run.json").read_text())
    assert notes["recipe"]["name"] == "vpreid_baseline"
    assert notes["recipe"]["learning_rate"] == 3e-4
    assert notes["seed"] == 626
    assert notes["dataset"]["name"] == "mars"
    assert notes["dataset"]["train"]["identities"] == 6
    assert notes["dataset"]["protocol"] == "mars_official"
    assert notes["dataset"]["root"] == str(world)
    assert notes["versions"]["videoreid"]
    assert notes["versions"]["torch"]
    assert notes["command"]
    assert "revision" in notes
    assert notes["run"], "the engine's own record stays"
    steps = int(max(tmp_path.glob("checkpoint-*.pt")).stem.split("-")[1])
    assert steps == 3
    assert train(*run, "--resume", "--max-steps", "4", "--no-validation", epochs=3) == 0
    second = capsys.readouterr().out
    assert "resumed at epoch " in second
    assert len(list(tmp_path.glob("run-*"))) == 0, "the run went on in its own folder"
    again = json.loads((tmp_path / "run.json").read_text())
    assert again["run"] == notes["run"]
    assert again["recipe"] == notes["recipe"]


def test_what_is_refused(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"run": "a", "recipe": {"name": "psta"}}))
    assert train("temporal_pooling", world, tmp_path) == 2
    assert (
        "holds a run of another recipe: name was 'psta' and is 'temporal_pooling'" in capsys.readouterr().err
    )
    (tmp_path / "run.json").write_text("{")
    assert train("temporal_pooling", world, tmp_path) == 2
    assert "cannot be read" in capsys.readouterr().err
    empty = tmp_path / "empty"
    assert train("temporal_pooling", world, empty, "--set", "epoch=3") == 2
    assert "no setting 'epoch'; did you mean epochs" in capsys.readouterr().err
    assert train("temporal_pooling", world, empty, "--split-id", "3") == 2
    assert "split_id" in capsys.readouterr().err
    assert main(["train", "vpreid", "--dataset", "mars", "--output", str(empty)]) == 2
    assert "unknown recipe 'vpreid'" in capsys.readouterr().err
    assert not empty.exists()


def test_a_split_out_of_range_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "prid2011"
    people = [f"person_{number:04d}" for number in range(4)]
    for person in people:
        for camera in ("cam_a", "cam_b"):
            folder = root / "prid_2011" / "multi_shot" / camera / person
            folder.mkdir(parents=True)
            (folder / "0001.png").touch()
    splits = [{"train": people[:2], "test": people[2:]}] * 10
    (root / "splits_prid2011.json").write_text(json.dumps(splits))
    assert train("vpreid_gcm", root, tmp_path / "out", "--split-id", "10", dataset="prid2011") == 2
    assert "10" in capsys.readouterr().err


@pytest.mark.slow
def test_streid_trains_on_the_layout_of_market(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_market1501(tmp_path / "market", identities=10, images=2)
    assert train("streid_pcb", root, tmp_path / "run", "--max-steps", "2", dataset="market1501") == 0
    printed = capsys.readouterr().out
    assert "protocol market1501_toolkit" in printed
    assert "published joint: mAP 87.6 %  Rank-1 98.1 % on market1501" in printed


@pytest.mark.parametrize(
    ("protocol", "rows"),
    [
        ("mars_official", "gallery 6 with the queries"),
        ("dukemtmcvidreid", "gallery 4 |"),
        ("lsvid_queries_out", "gallery 4 |"),
    ],
)
def test_both_blocks_search_the_same_gallery(protocol: str, rows: str) -> None:
    ids = {"pids": np.array([0, 1, 0, 1]), "camids": np.array([0, 0, 1, 1]), "times": np.zeros(4)}
    gallery = Features(torch.eye(4), end_times=np.zeros(4), **ids)
    query = gallery.select([0, 1])
    if protocol != "dukemtmcvidreid":  # whose gallery holds the queries
        gallery = gallery.select([2, 3, 2, 3])
    splits = Splits("toy", (), (), (), protocol=protocol)
    rankings = score_features(get_recipe("vpreid_gcm"), splits, query, gallery, two_blocks=True)
    assert rows in rankings["ori"].protocol_line
    assert rows in rankings["re"].protocol_line
    assert "protocol camera_aware" in rankings["re"].protocol_line


def test_the_list_and_the_page_of_a_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == sorted(names)
    assert "vpreid_gcm" in names
    assert main(["recipes", "show", "tricks_centers", "--dataset", "prid2011"]) == 0
    page = capsys.readouterr().out
    assert "losses: 1 cross-entropy, 0.289608 triplet, 0.0005 center, 0.710392 OSM + CAA" in page
    assert "weight_decay = 0.014055481861393148" in page
    assert "nothing is published on prid2011" in page
    assert main(["recipes", "show", "vpreid_gcm"]) == 0
    page = capsys.readouterr().out
    assert "learning_rate = 0.0003" in page
    assert "published re: mAP 88.5 %  Rank-1 94.4 % on mars" in page
    assert main(["recipes", "show", "nothing"]) == 2


def test_options_of_the_dataset_reach_its_loader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def build(name: str, root: Path, **options: object) -> None:
        asked.update(options, name=name)
        raise ConfigError("enough")

    monkeypatch.setattr("videoreid.recipes.building.build_dataset", build)
    common = [
        "train",
        "vpreid_baseline",
        "--dataset",
        "prid2011",
        "--root",
        ".",
        "--output",
        str(tmp_path / "out"),
    ]
    assert main([*common, "--option", "split_id=3", "--option", "clock=sequence"]) == 2
    assert asked == {"name": "prid2011", "split_id": 3, "clock": "sequence"}
    capsys.readouterr()
    assert main([*common, "--option", "split_id=3", "--split-id", "4"]) == 2
    assert "the split is given twice" in capsys.readouterr().err
