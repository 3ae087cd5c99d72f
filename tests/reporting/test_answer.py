"""The folder of an answer: what is in it, from which ranking, and that the scores come last."""

import json

import numpy as np
import pytest

from tests.visual.conftest import read_frames, tracklet
from videoreid.errors import UnknownNameError
from videoreid.metrics import evaluate_features
from videoreid.reporting import AnswerOptions, write_answer
from videoreid.types import Features


def features_of(tracklets, values):
    return Features.of(np.array(values, np.float32).reshape(-1, 1), tracklets)


@pytest.fixture
def parts():
    query = [tracklet(1, 0), tracklet(2, 0)]
    gallery = [tracklet(1, 1), tracklet(2, 1), tracklet(3, 1)]
    sides = features_of(query, [0.0, 1.0]), features_of(gallery, [0.1, 1.1, 5.0])
    return evaluate_features(*sides, distance="euclidean"), query, gallery, sides


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_one_ranking(parts, tmp_path):
    ranking, query, gallery, features = parts
    write_answer(ranking, query, gallery, tmp_path / "a", read_frames=read_frames, features=features)
    assert names(tmp_path / "a") == {"metrics.json", "ranking.png", "explorer"}
    metrics = json.loads((tmp_path / "a" / "metrics.json").read_text())
    assert metrics == ranking.summary()
    assert metrics["mAP"] == 1.0
    index = (tmp_path / "a" / "explorer" / "data" / "index.js").read_text()
    assert '"queries":2,' in index
    assert (tmp_path / "a" / "explorer" / "data" / "features-0.js").is_file()


def test_two_rankings_and_a_file_a_query(parts, tmp_path):
    ranking, query, gallery, _ = parts
    options = AnswerOptions(rows=[1], per_query=True, ending=".svg", top_k=2, title="both")
    runs = {"ours": ranking, "theirs": ranking}
    write_answer(runs, query, gallery, tmp_path, read_frames=read_frames, options=options)
    assert names(tmp_path) == {"metrics.json", "ranking", "explorer"}
    assert names(tmp_path / "ranking") == {"0001_pid2_cam0.svg"}
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics == {"ours": ranking.summary(), "theirs": ranking.summary()}
    index = (tmp_path / "explorer" / "data" / "index.js").read_text()
    assert '"title":"both"' in index
    assert '"top":2' in index


def test_scores_come_last(parts, tmp_path, monkeypatch):
    ranking, query, gallery, _ = parts

    def full(*args, **kwargs):
        raise OSError("no space")

    monkeypatch.setattr("videoreid.reporting.answer.write_explorer", full)
    with pytest.raises(OSError, match="no space"):
        write_answer(ranking, query, gallery, tmp_path, read_frames=read_frames, metrics={"mAP": 1.0})
    assert names(tmp_path) == {"ranking.png"}


def test_an_unknown_layout_is_refused(parts, tmp_path):
    ranking, query, gallery, _ = parts
    with pytest.raises(UnknownNameError, match="unknown layout 'grid'"):
        write_answer(
            ranking, query, gallery, tmp_path, read_frames=read_frames, options=AnswerOptions(layout="grid")
        )
