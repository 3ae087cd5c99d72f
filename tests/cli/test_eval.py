import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from videoreid.cli import main
from videoreid.metrics import KReciprocal, SpatialTemporalModel, evaluate_features, expand_queries
from videoreid.retrieval import write_features
from videoreid.types import Features


def world(seed=0, noise=1.5, people=25):
    """People who walk from camera 0 to camera 1 in about 300 time units."""
    centres = np.random.default_rng(99).normal(size=(people, 16))
    rng = np.random.default_rng(seed)
    sides = []
    for camera, repeats in ((0, 2), (1, 4)):
        pids = np.repeat(np.arange(people), repeats)
        values = centres[pids] + noise * rng.normal(size=(len(pids), 16))
        times = 1000.0 * pids + 300.0 * camera + rng.normal(size=len(pids))
        sides.append(
            Features(torch.from_numpy(values.astype(np.float32)), pids, np.full(len(pids), camera), times)
        )
    return sides


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "features.h5"
    write_features(
        path, *world(), model="tiny", dataset="world", protocol="any_camera", details={"frames": "all"}
    )
    return path


def test_table_json_and_plots(stored, tmp_path, capsys):
    model = tmp_path / "model.npz"
    query, gallery = world()
    both = query.concat(gallery)
    fitted = SpatialTemporalModel.fit(
        pids=both.pids, camids=both.camids, times=both.times, num_bins=30, sigma=1
    )
    fitted.save(model)
    output = tmp_path / "out"
    options = [
        "--rerank",
        "--k1",
        "6",
        "--k2",
        "2",
        "--spatial-temporal",
        str(model),
        "--output",
        str(output),
    ]
    assert main(["eval", str(stored), "--protocol", "cross_camera", *options]) == 0
    report = json.loads((output / "metrics.json").read_text())
    results = report["results"]
    assert list(results) == ["appearance", "re-ranked", "joint", "joint, re-ranked"]
    plain = evaluate_features(query, gallery)
    assert results["appearance"]["mAP"] == plain.mean_average_precision
    reranked = evaluate_features(query, gallery, refiners=[KReciprocal(k1=6, k2=2)])
    assert results["re-ranked"]["mAP"] == reranked.mean_average_precision
    assert results["joint"]["mAP"] > results["appearance"]["mAP"]
    low, high = results["appearance"]["intervals"]["mAP"]
    assert low < results["appearance"]["mAP"] < high
    assert 0 < report["verification"]["equal_error_rate"] < 0.5
    assert report["verification"]["tpr_at_fpr_0.1"] >= report["verification"]["tpr_at_fpr_0.01"]
    names = {path.name for path in output.iterdir() if not path.name.startswith(".")}
    assert names == {
        "metrics.json",
        "cmc.png",
        "precision_recall.png",
        "distances.png",
        "run.json",
        "evaluations",
    }
    assert all((output / name).read_bytes().startswith(b"\x89PNG") for name in names if name.endswith("png"))
    text = capsys.readouterr().out
    assert f"{100 * plain.mean_average_precision:8.1f}" in text
    assert "world | protocol cross_camera" in text
    assert "model tiny | frames all" in text


def test_protocol_of_the_file_is_the_default(stored, capsys):
    assert main(["eval", str(stored)]) == 0
    assert "protocol any_camera" in capsys.readouterr().out
    assert main(["eval", str(stored), "--protocol", "list"]) == 0
    assert "NOT comparable" in capsys.readouterr().out


def test_comparison_and_expansion(stored, tmp_path, capsys):
    better = tmp_path / "better.h5"
    write_features(better, *world(seed=1, noise=0.8), protocol="any_camera")
    output = tmp_path / "out"
    arguments = ["eval", str(stored), "--compare", str(better), "--expand", "3", "--output", str(output)]
    assert main(arguments) == 0
    comparison = json.loads((output / "metrics.json").read_text())["comparison"]
    assert comparison["mAP"]["difference"] > 0
    assert comparison["mAP"]["p_value"] < 0.01
    text = capsys.readouterr().out
    assert "query expansion k=3 alpha=0" in text
    assert "minus these features" in text


def test_single_gallery_shot_has_no_intervals(stored, tmp_path, capsys):
    output = tmp_path / "out"
    assert main(["eval", str(stored), "--protocol", "single_gallery_shot", "--output", str(output)]) == 0
    assert "[    -,     -]" in capsys.readouterr().out
    assert (output / "precision_recall.png").exists(), "AP is over all kept rows, so there is a curve"


def test_bad_input(stored, tmp_path, capsys):
    assert main(["eval", str(tmp_path / "absent.h5")]) == 2
    assert "no feature file" in capsys.readouterr().err
    assert main(["eval", str(stored), "--protocol", "mars_oficial"]) == 2
    assert "did you mean 'mars_official'" in capsys.readouterr().err
    assert main(["eval", str(stored), "--distance", "euclidean", "--spatial-temporal", "m.npz"]) == 2
    assert "needs --distance cosine" in capsys.readouterr().err
    assert main(["eval", str(stored), "--expand", "1000"]) == 2
    assert "k is 1000" in capsys.readouterr().err


def test_expansion_leaves_the_queries_in_the_gallery_as_they_were(tmp_path, capsys):
    """Under a protocol with the queries in the gallery, what is asked is expanded, what is searched is not."""
    query, gallery = world()
    gallery = gallery.concat(replace(query, camids=query.camids + 1))
    write_features(tmp_path / "a.h5", query, gallery, protocol="lsvid")
    assert main(["eval", str(tmp_path / "a.h5"), "--expand", "3", "--output", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["results"]["appearance"]
    expanded = expand_queries(query, gallery, k=3)
    expected = evaluate_features(expanded, gallery.concat(query), protocol="lsvid_queries_out")
    wrong = evaluate_features(expanded, gallery, protocol="lsvid")
    assert found["mAP"] == expected.mean_average_precision != wrong.mean_average_precision
    assert "protocol lsvid " in found["protocol"] and "with the queries, not expanded" in found["protocol"]


def test_pictures_of_stored_features_and_their_dataset(tmp_path, capsys):
    from videoreid.data.colour_histogram import histogram_features
    from videoreid.data.datasets import build_dataset

    splits = build_dataset("synthetic", root=tmp_path / "world", identities=6)
    query, gallery = (histogram_features(part) for part in (splits.query, splits.gallery))
    paths = [tmp_path / f"{name}.h5" for name in "ab"]
    write_features(paths[0], query, gallery, protocol=splits.protocol)
    noise = np.random.default_rng(0).normal(size=tuple(gallery.embeddings.shape)).astype(np.float32)
    worse = replace(gallery, embeddings=gallery.embeddings + 0.2 * torch.from_numpy(noise))
    write_features(paths[1], query, worse, protocol=splits.protocol)
    output = tmp_path / "out"
    source = ["--dataset", "synthetic", "--root", str(tmp_path / "world"), "--option", "identities=6"]
    assert main(["eval", str(paths[0]), *source]) == 2
    assert "give --output" in capsys.readouterr().err
    options = ["--draw", "2", "--top", "4", "--output", str(output)]
    assert main(["eval", str(paths[0]), *source, *options, "--compare", str(paths[1])]) == 0
    assert (output / "ranking.png").stat().st_size > 5000
    index = (output / "explorer" / "data" / "index.js").read_text("ascii")
    assert '"a (1)"' in index
    assert '"b (2)"' in index
    options += ["--per-query", "--format", "svg", "--layout", "vpreid_gt", "--order", "best"]
    assert main(["eval", str(paths[0]), *source, *options, "--expand", "2"]) == 0
    assert not (output / "ranking.png").exists(), "pictures of another kind go"
    names = [path.name for path in (output / "ranking").iterdir()]
    assert len(names) == 2
    assert all(name.endswith("_gt.svg") for name in names)
    assert main(["eval", str(paths[0]), *source, *options, "--people", "99999"]) == 2
    assert "no query shows person 99999" in capsys.readouterr().err
