"""The zoo on the command line."""

import pytest

from videoreid.cli import main
from videoreid.models import build_model, count_parameters, flops_per_clip


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "osnet_x0_25", "--frames", "1"]) == 0
    head, row, _, note = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["network", "params"]
    assert row.split()[:6] == ["osnet_x0_25", "0.20M", "0.16", "1", "x", "256"]
    assert "msmt17" in row
    assert "two floating-point operations" in note


def test_the_size_changes_the_cost(capsys: pytest.CaptureFixture[str]) -> None:
    costs = []
    for size in (["128", "64"], ["256", "128"]):
        main(["models", "list", "resnet18", "--size", *size])
        costs.append(float(capsys.readouterr().out.splitlines()[1].split()[2]))
    assert costs[1] == pytest.approx(4 * costs[0], rel=0.01)


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "osnet_x0_25"]) == 0
    page = capsys.readouterr().out
    for expected in (
        "GFLOP per clip of 4 x 256 x 128",
        "embedding       512",
        "pretrained='msmt17': trained on MSMT17, 256 x 128",
        "reported on MSMT17: Rank-1 61.4 %, mAP 29.5 % (cross_camera, euclidean)",
        "licence: ",
        "MODEL_ZOO",
    ):
        assert expected in page
    main(["models", "show", "hacnn"])
    assert "160 x 64" in capsys.readouterr().out
    main(["models", "show", "se_resnet50", "--frames", "1"])
    assert "none published" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "osnet_x10"], "did you mean 'osnet_x1_0'"),
        (["list", "nope*"], "no network matches 'nope*'; known: ame"),
    ],
)
def test_unknown_names(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_show_lists_the_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["models", "show", "osnet_x0_25", "--frames", "2", "--size", "128", "64", "--depth", "2"]) == 0
    )
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = {line[0]: line for line in lines if line}
    assert rows["conv1"][1:8] == ["ConvNorm", "2", "x", "16", "x", "64", "x"]
    model = build_model("osnet_x0_25")
    assert rows["whole"][1] == f"{count_parameters(model):,}"
    flops = flops_per_clip(model, frames=2, input_size=(128, 64))
    assert rows["whole"][2] == f"{flops / 1e6:,.1f}"
