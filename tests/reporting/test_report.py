"""The report of a run: what it says, that it is the same twice, and what it leaves out with a reason."""

import csv
import html
import json
import re

import numpy as np
import pytest
import torch

from videoreid.cli import main
from videoreid.engine import RunFolder, save_evaluation
from videoreid.engine.run_record import complete_record
from videoreid.errors import DatasetError, StorageError
from videoreid.metrics import evaluate_features
from videoreid.reporting import write_report
from videoreid.reporting.feature_plots import _draw_transitions as draw_transitions
from videoreid.retrieval import FeatureFile
from videoreid.types import Features

SCRIPT = '<script>alert("x")</script>'


def text_of(page) -> str:
    content = page.read_text("utf-8")
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", content.split("</style>")[1])).split())


def content(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_transitions_are_between_the_middles_of_tracklets(tmp_path):
    """As `videoreid st fit` takes them: 200 to 1050, not the starts 0 and 1050."""
    times, ends = np.array([0.0, 1050.0]), np.array([400.0, 1050.0])
    train = Features(torch.zeros(2, 0), np.zeros(2, int), np.array([0, 1]), times, ends)
    files = draw_transitions(None, FeatureFile(train, train, train=train), tmp_path / "transitions")
    rows = csv.DictReader(files.csv.read_text().splitlines())
    assert [float(row["time"]) for row in rows if float(row["seen"])] == [850.0]


def test_a_whole_run(make_run):
    folder = make_run(notes={"model": SCRIPT, "command": ["videoreid", "rank"], "weights": "w.pth"})
    history = [{"epoch": 1.0, "loss": 2.0, "lr": 0.1, "mAP": 0.5}]
    complete_record(folder, {"progress": {"epoch": 1, "step": 4, "history": history}, "seed": 3, "model": "Net",
                             "sessions": [{"begun": "x", "seconds": 75.0, "versions": {"torch": "2"}}]})  # fmt: skip
    page = write_report(folder)
    raw, text = page.read_text("utf-8"), text_of(page)
    assert SCRIPT not in raw
    assert SCRIPT in text
    stored = RunFolder.open(folder).evaluation()
    assert stored.ranking.protocol_line in text
    assert f"{100 * stored.ranking.mean_average_precision:.1f} [" in text
    for expected in ("1 min 15 s", "1 epochs, 4 updates", "git revision", "seed 3"):
        assert expected in text
    assert {path.name for path in (page.parent / "plots").iterdir()} >= {
        f"{name}.{ending}"
        for name in (
            "training",
            "cmc",
            "precision_recall",
            "length",
            "distances",
            "roc",
            "reliability",
            "camera_pairs",
        )
        for ending in ("png", "svg", "csv")
    }
    for address in re.findall(r'(?:src|href)="([^"#]+)"', raw):
        assert (page.parent / html.unescape(address)).is_file(), address
    assert "http" not in raw, "nothing is loaded from anywhere"
    with (page.parent / "tables/scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["mAP"].startswith(f"{100 * stored.ranking.mean_average_precision:.1f}")
    worst = min(stored.ranking.average_precision)
    assert f"{worst:.3f}" in text
    assert (page.parent / "explorer/index.html").is_file()


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_made_again_it_is_the_same(make_run, whole):
    folder = make_run(features=whole, frames=whole)
    first = content(write_report(folder).parent)
    assert len(first) > 9
    assert content(write_report(folder).parent) == first


def test_what_is_not_there_is_said(make_run, tmp_path):
    folder = make_run(features=False, frames=False)
    text = text_of(write_report(folder))
    assert "the features were not kept; evaluate again with save_features=True" in text
    assert "training curves: the folder holds no finished epoch" in text
    assert "explorer: the frames of the tracklets are unknown" in text
    assert "length: no length of a scored query is known" in text
    gone = make_run("gone")  # with features and frames, which are lost later
    (gone / "frames/frame.png").unlink()
    (gone / "evaluations/test/features.h5").write_bytes(b"cut")
    text = text_of(write_report(gone, tmp_path / "elsewhere"))
    assert "explorer: " in text
    assert "distances, ROC, cameras and people: " in text
    assert not (tmp_path / "elsewhere/explorer").exists()
    assert not (gone / "report").exists()
    only = tmp_path / "only"
    complete_record(only, {"model": "Net"})
    assert "scores: the folder holds no evaluation" in text_of(write_report(only))


def test_an_error_analysis_is_linked(make_run):
    folder = make_run(features=False, frames=False)
    (folder / "analysis.html").write_text("causes")
    assert 'href="../analysis.html"' in write_report(folder).read_text("utf-8")


def test_evaluations_of_other_rules_keep_their_lines(make_run, sides):
    folder = make_run(frames=False, features=False)
    make_run(protocol="any_camera", frames=False, features=False)  # of the same name: replaced
    assert RunFolder.open(folder).evaluation().ranking.protocol.name == "any_camera"
    other = evaluate_features(*sides, protocol="cross_camera", dataset="twelve")
    save_evaluation(folder, other, query=sides[0], gallery=sides[1], name="strict")
    text = text_of(write_report(folder, explorer=False))
    assert "curves of strict: another protocol than test" in text
    assert f"strict: {other.protocol_line}" in text
    assert "explorer" not in text.lower()


def test_bad_folders(make_run, tmp_path, capsys):
    with pytest.raises(DatasetError, match="is not a run folder"):
        write_report(tmp_path)
    folder = make_run(features=False, frames=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write_report(folder, tmp_path / "file")
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "format": 9}))
    assert main(["report", str(folder)]) == 2
    assert (
        "run folder of layout 9; this version reads layouts up to 1: update videoreid"
        in capsys.readouterr().err
    )
    assert not (folder / "report").exists()


def test_the_command(make_run, capsys):
    folder = make_run(features=False, frames=False)
    assert main(["report", str(folder), "--no-explorer"]) == 0
    assert capsys.readouterr().out == f"wrote {folder / 'report' / 'index.html'}\n"
    assert main(["report", str(folder), "--evaluation", "other"]) == 2
    assert "holds no evaluation 'other'; it has test" in capsys.readouterr().err
