"""Runs side by side: differences against plain loops, changed queries, and refusals that name the line."""

import csv
import html
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from videoreid.cli import main
from videoreid.engine import RunFolder
from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import paired_test
from videoreid.reporting import compare_runs, write_comparison


@pytest.fixture
def runs(make_run):
    return [make_run("plain", noise=1.2, frames=False), make_run("better", noise=0.4, seed=1, frames=False)]


def test_differences_and_changes_are_those_of_each_query(runs, tmp_path):
    comparison = compare_runs(runs)
    first, second = (RunFolder.open(run).evaluation() for run in runs)
    won, lost = [], []
    for row in range(len(first.query_pids)):
        gap = second.ranking.average_precision[row] - first.ranking.average_precision[row]
        assert comparison.differences("better")[row] == pytest.approx(gap, nan_ok=True)
        hits = first.ranking.first_match[row] == 1, second.ranking.first_match[row] == 1
        if hits == (False, True):
            won.append(row)
        elif hits == (True, False):
            lost.append(row)
    assert sorted(comparison.changed("better")[0].tolist()) == won
    assert sorted(comparison.changed("better")[1].tolist()) == lost
    assert len(won) > len(lost)
    found = comparison.tests["better", "mAP"]
    test = found.test
    assert test.difference.value == pytest.approx(np.nanmean(comparison.differences("better")))
    assert test == paired_test(first.ranking, second.ranking)
    assert found.p_value == test.p_value, "one run more needs no correction"
    page = write_comparison(comparison, tmp_path / "out")
    with (page.parent / "queries.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["pid"]) for row in rows] == first.query_pids.tolist()
    for row, gap in zip(rows, comparison.differences("better"), strict=True):
        assert (row["AP difference better"] == "") == math.isnan(gap)
        assert math.isnan(gap) or float(row["AP difference better"]) == gap
    text = html.unescape(page.read_text("utf-8"))
    assert f"{len(won)} queries are now right at rank 1." in text
    assert str(test.difference) in text
    assert first.ranking.protocol_line in text
    assert {path.name for path in (page.parent / "plots").iterdir()} == {"cmc.png", "cmc.svg", "cmc.csv"}
    assert (page.parent / "tables/comparison.tex").read_text().count(r" \\") == 3


def test_three_runs_are_corrected(runs, make_run):
    runs.append(make_run("same", noise=1.2, frames=False, seed=5))
    comparison = compare_runs(runs)
    for metric in ("mAP", "rank1"):
        plain = sorted((comparison.tests[name, metric].test.p_value, name) for name in ("better", "same"))
        assert comparison.tests[plain[0][1], metric].p_value == pytest.approx(min(1, 2 * plain[0][0]))


def test_unlike_runs_are_refused_by_line(runs, make_run, sides):
    other = make_run("other", protocol="any_camera", frames=False)
    with pytest.raises(
        ProtocolError, match="'plain' and 'other' cannot be compared: protocol name 'cross_camera' and"
    ):
        compare_runs([runs[0], other])
    named = make_run("named", dataset="thirteen", frames=False)
    with pytest.raises(ProtocolError, match="dataset 'twelve' and 'thirteen'"):
        compare_runs([runs[0], named])
    query, gallery = sides
    fewer = make_run("fewer", sides=(query.select(range(30)), gallery), frames=False)
    with pytest.raises(ProtocolError, match="queries 36 and 30"):
        compare_runs([runs[0], fewer])
    order = np.arange(36)
    order[[0, 3]] = 3, 0  # two people of one camera change places: the same numbers of matches
    swapped = make_run("swapped", sides=(query.select(order), gallery), frames=False)
    with pytest.raises(ProtocolError, match="query pids, first at query 0: 1 and 2"):
        compare_runs([runs[0], swapped])
    missing = make_run(
        "missing", sides=(query, replace(gallery, pids=gallery.pids + (gallery.pids == 12))), frames=False
    )
    with pytest.raises(ProtocolError, match="true matches of the queries"):
        compare_runs([runs[0], missing])


def test_names_tell_runs_apart(make_run, runs):
    deep = [make_run(f"{part}/run", frames=False) for part in ("a", "b")]
    assert list(compare_runs(deep).evaluations) == ["a/run", "b/run"]
    with pytest.raises(ConfigError, match="is given twice"):
        compare_runs([runs[0], runs[0]])
    with pytest.raises(ConfigError, match="1 run folder to compare"):
        compare_runs(runs[:1])


def test_the_command(runs, tmp_path, capsys):
    arguments = ["compare", *map(str, runs)]
    assert main([*arguments, "--output", str(tmp_path / "page")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("|        |")
    test = compare_runs(runs).tests["better", "mAP"].test
    assert f"better minus plain: mAP {test.difference}, p = {test.p_value:.4f}" in out
    assert out.endswith(f"wrote {tmp_path / 'page' / 'index.html'}\n")
    assert main([*arguments, "--format", "csv"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [row[0] for row in rows] == ["", "plain", "better"]
    assert main(["compare", str(runs[0])]) == 2
    assert "give two or more, the baseline first" in capsys.readouterr().err


def test_markup_in_names_is_text(make_run, tmp_path):
    odd = [make_run(name, frames=False, noise=noise) for name, noise in (("<b>ä&\"'", 0.8), ("$x_1$", 1.0))]
    page = write_comparison(compare_runs(odd), tmp_path / "out")
    raw = page.read_text("utf-8")
    assert "<b>" not in raw
    assert "<b>ä&\"'" in html.unescape(raw)
    assert r"\$x\_1\$" in (tmp_path / "out/tables/comparison.tex").read_text("utf-8")
