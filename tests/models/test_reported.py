import pytest

from videoreid.cli import main
from videoreid.metrics import PROTOCOLS
from videoreid.models import MODELS, list_results
from videoreid.models.reported import _table


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
    assert [(row.dataset, row.rank1, row.mAP) for row in list_results("psta")] == [
        ("MARS", 91.5, 85.8),
        ("DukeMTMC-VideoReID", 98.3, 97.7),
    ]
    assert list_results("mra") == [], "the published scores of that name are not scores of our reading"


def test_show_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "resnet50_tp"]) == 0
    printed = capsys.readouterr().out
    assert "reported on MARS: Rank-1 83.1 %, mAP 75.8 % (mars_torchreid, squared_euclidean" in printed
    assert "source: jiyanggao/Video-Person-ReID" in printed
