"""``videoreid st fit``: from the training sightings to a model that ``videoreid eval`` scores with."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from videoreid.cli import main
from videoreid.errors import ConfigError
from videoreid.metrics import SpatialTemporalModel
from videoreid.recipes import fit_transitions, sightings_of
from videoreid.retrieval import read_features, write_features
from videoreid.types import Features, Tracklet

PEOPLE = 20


def tracklets() -> tuple[Tracklet, ...]:
    """People who take about 350 frames from camera 0 to camera 1."""
    return tuple(
        Tracklet(
            [f"{pid}.jpg"],
            pid,
            camera,
            1000.0 * pid + (350 + pid) * camera,
            1000.0 * pid + (350 + pid) * camera,
        )
        for pid in range(PEOPLE)
        for camera in (0, 1)
    )


def write(path: Path, *, train: bool, dataset: str = "market1501") -> Path:
    seen = sightings_of(tracklets())
    rng = np.random.default_rng(0)
    looks = rng.normal(size=(PEOPLE, 8))[seen.pids] + 1.2 * rng.normal(size=(len(seen), 8))
    both = Features(torch.from_numpy(looks), seen.pids, seen.camids, seen.times, seen.end_times)
    query, gallery = both.select(both.camids == 0), both.select(both.camids == 1)
    write_features(path, query, gallery, dataset=dataset, train=seen if train else None)
    return path


def test_sightings_travel_with_the_features(tmp_path: Path) -> None:
    stored = read_features(write(tmp_path / "f.h5", train=True))
    assert stored.train is not None
    assert stored.train.embeddings.shape == (2 * PEOPLE, 0)
    assert stored.train.pids.tolist() == [pid for pid in range(PEOPLE) for _ in range(2)]
    assert stored.train.times[3] == 1351
    assert read_features(write(tmp_path / "g.h5", train=False)).train is None


@pytest.mark.parametrize(("dataset", "bins"), [("market1501", 5000), ("dukemtmcreid", 3000), ("mars", 5000)])
def test_bins_are_those_of_the_dataset(dataset: str, bins: int) -> None:
    model = fit_transitions(sightings_of(tracklets()), dataset)
    assert model.histogram.shape == (2, 2, bins)
    assert (model.interval, model.sigma, model.visits) == (100, 50, "mean")
    assert model.histogram[1, 0, 3] == pytest.approx(1, abs=1e-6)
    assert fit_transitions(sightings_of(tracklets()), dataset, num_bins=10).histogram.shape == (2, 2, 10)


def test_fit_then_eval_by_both_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features, model = write(tmp_path / "f.h5", train=True), tmp_path / "st.npz"
    assert main(["st", "fit", str(features), "--output", str(model), "--sigma", "1"]) == 0
    assert (
        "2 cameras, 1 ordered pairs with transitions, 5000 bins of 100 frames, from 40"
        in capsys.readouterr().out
    )
    assert SpatialTemporalModel.load(model).sigma == 1
    found = {}
    for rule in ("published", "repaired"):
        output = tmp_path / rule
        options = [
            "--spatial-temporal",
            str(model),
            "--rerank",
            "--k1",
            "4",
            "--k2",
            "2",
            "--joint-rule",
            rule,
        ]
        assert main(["eval", str(features), *options, "--output", str(output)]) == 0
        assert f"lambda_value=0.3, exponent=1), {rule}" in capsys.readouterr().out
        found[rule] = json.loads((output / "metrics.json").read_text())["results"]
        assert found[rule]["joint"]["mAP"] > found[rule]["appearance"]["mAP"]
    assert found["published"]["joint"] == found["repaired"]["joint"]
    assert found["published"]["joint, re-ranked"] != found["repaired"]["joint, re-ranked"]


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features, output = write(tmp_path / "f.h5", train=False), str(tmp_path / "st.npz")
    assert main(["st", "fit", str(features), "--output", output]) == 2
    assert "holds no training sightings" in capsys.readouterr().err
    assert main(["st", "fit", "--output", output]) == 2
    assert "either a feature file, or --dataset" in capsys.readouterr().err
    assert (
        main(["st", "fit", str(write(tmp_path / "g.h5", train=True)), "--output", output, "--bins", "2"]) == 2
    )
    assert "pass num_bins=4 or more" in capsys.readouterr().err
    assert not Path(output).exists()


def test_options_reach_the_loader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def build(name: str, root: Path, **options: object) -> None:
        asked.update(options, name=name)
        raise ConfigError("enough")

    monkeypatch.setattr("videoreid.data.datasets.build_dataset", build)
    rest = ["--output", str(tmp_path / "st.npz"), "--option", "split_id=3"]
    assert main(["st", "fit", "--dataset", "prid2011", "--root", ".", *rest]) == 2
    assert asked == {"name": "prid2011", "split_id": 3}
    assert main(["st", "fit", str(tmp_path / "f.h5"), *rest]) == 2
    assert "--option belongs to --dataset" in capsys.readouterr().err
