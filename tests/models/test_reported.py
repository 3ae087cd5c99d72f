import pytest

from videoreid.cli import main
from videoreid.metrics import PROTOCOLS
from videoreid.models import MODELS, PublishedResult, list_results
from videoreid.models.reported import _table
from videoreid.models.weights import find_weights
from videoreid.recipes import get_recipe, list_recipes


def test_every_row_names_a_network_and_a_protocol() -> None:
    assert len(_table()) > 10
    for row in _table():
        assert row.model in MODELS
        assert row.protocol == "not stated" or row.protocol in PROTOCOLS
        assert 0 < row.mAP <= 100
        assert 0 < row.rank1 <= 100
        assert row.source
        assert row.remark


def test_results_of_one_network() -> None:
    assert [(row.dataset, row.rank1, row.mAP, row.protocol) for row in list_results("psta")] == [
        ("MARS", 91.5, 85.8, "mars_official"),  # its code puts the queries into the gallery
        ("DukeMTMC-VideoReID", 98.3, 97.7, "dukemtmcvidreid"),
    ]
    assert list_results("mra") == [], "the published scores of that name are not scores of our reading"


def test_show_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "resnet50_tp"]) == 0
    printed = capsys.readouterr().out
    assert "reported on MARS: Rank-1 83.1 %, mAP 75.8 % (mars_torchreid, squared_euclidean" in printed
    assert "source: jiyanggao/Video-Person-ReID" in printed


def test_every_figure_is_the_published_one() -> None:
    found = [(row.model, row.dataset, row.rank1, row.mAP) for row in _table()]
    published = [
        ("resnet50_tp", "MARS", 83.1, 75.8), ("resnet50_ta", "MARS", 83.3, 76.7), ("resnet50_rnn", "MARS", 81.6, 73.9),
        ("resnet50_3d", "MARS", 78.5, 70.5), ("gcm_baseline", "MARS", 88.9, 83.4),
        ("gcm_baseline", "DukeMTMC-VideoReID", 95.9, 95.3), ("gcm_baseline", "LS-VID", 81.5, 72.1),
        ("gcm", "MARS", 90.2, 85.4), ("ame", "MARS", 90.1, 85.3), ("psta", "MARS", 91.5, 85.8),
        ("psta", "DukeMTMC-VideoReID", 98.3, 97.7), ("resnet50_ta_bot", "MARS", 87.1, 81.3),
        ("resnet50_ta_bot", "MARS", 87.9, 82.4), ("resnet50_ta_bot", "MARS", 86.3, 81.2),
        ("resnet50_ta_bot", "MARS", 88.6, 82.9), ("pcb_streid", "Market-1501", 98.1, 87.6),
        ("pcb_streid", "DukeMTMC-reID", 94.4, 83.9),
    ]  # fmt: skip
    assert [row for row in published if row not in found] == []


def test_systems_that_test_with_the_queries_in_the_gallery() -> None:
    # the test code of these systems puts the queries in front of the gallery of MARS
    queries_in_gallery = {
        "ame",
        "ap3d_resnet50",
        "bicnet_tks",
        "gcm",
        "gcm_baseline",
        "idnet",
        "psta",
        "sanet",
        "sbnet",
        "sinet",
    }
    rows = [row for row in _table() if row.dataset == "MARS"]
    assert {row.model for row in rows if row.protocol == "mars_official"} == queries_in_gallery
    assert {row.model for row in rows if row.protocol == "not stated"} == {"tclnet"}


def test_the_table_says_what_the_recipes_say() -> None:
    scores = [
        (recipe.model, score.rank1, score.mAP)
        for recipe in map(get_recipe, list_recipes())
        for score in recipe.results
    ]
    models = {get_recipe(name).model for name in list_recipes()}
    assert [
        row for row in _table() if row.model in models and (row.model, row.rank1, row.mAP) not in scores
    ] == []


def test_results_of_weights_are_the_same_record() -> None:
    (result,) = find_weights("osnet_x0_25", "msmt17").results
    assert result == PublishedResult(
        model="osnet_x0_25",
        dataset="MSMT17",
        rank1=61.4,
        mAP=29.5,
        protocol="cross_camera",
        distance="euclidean",
        source=find_weights("osnet_x0_25", "msmt17").page,
    )
