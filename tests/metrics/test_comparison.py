"""Tables of several rankings: every figure against a plain computation, marks, and refusals that name the line."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import (
    bootstrap_intervals,
    camera_pair_rank1,
    cmc_intervals,
    compare_table,
    evaluate_features,
    paired_test,
)
from videoreid.metrics.comparison import unlike_lines
from videoreid.metrics.significance import holm
from videoreid.types import Features
from videoreid.utils.tables import Table


def world(noise: float, seed: int = 0, people: int = 30) -> tuple[Features, Features]:
    centres = np.random.default_rng(7).normal(size=(people, 8))
    rng = np.random.default_rng(seed)
    sides = []
    for repeats in (2, 5):
        pids = np.repeat(np.arange(people), repeats)
        cameras = np.tile(np.arange(repeats) % 3, people)
        values = centres[pids] + noise * rng.normal(size=(len(pids), 8))
        sides.append(Features(torch.from_numpy(values).float(), pids, cameras))
    return sides[0], sides[1]


def ranking(noise: float, seed: int = 0, **options):
    return evaluate_features(*world(noise, seed), **{"dataset": "thirty", **options})


def test_a_table_in_three_forms() -> None:
    table = Table(["", "a|b"], [["x_1 & 50 %", "1.0"], ["<b>\nname", "-"]], ["under\nit"])
    assert table.markdown() == (
        "|            | a\\|b |\n| ---------- | ---: |\n| x_1 & 50 % |  1.0 |\n| <b> name   |    - |\n\nunder it\n"
    )
    assert table.latex().splitlines() == [
        "% under it",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r" & a\textbar{}b \\",
        r"\midrule",
        r"x\_1 \& 50 \% & 1.0 \\",
        r"\textless{}b\textgreater{} name & - \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert list(csv.reader(io.StringIO(table.csv()))) == [
        ["", "a|b"],
        ["x_1 & 50 %", "1.0"],
        ["<b>\nname", "-"],
    ]
    assert str(table) == table.write("markdown")
    with pytest.raises(ConfigError, match="unknown form of a table 'html'"):
        table.write("html")
    with pytest.raises(ConfigError, match="row 0 of the table has 1 cells, expected 2"):
        Table(["a", "b"], [["1"]])


def test_the_row_of_a_ranking() -> None:
    result = ranking(1.0)
    table = result.to_table("plain", bootstrap_intervals(result))
    assert list(table.columns) == ["", "mAP", "mINP", "Rank-1", "Rank-5", "Rank-10", "Rank-20"]
    mean = np.nanmean(result.average_precision)
    interval = bootstrap_intervals(result)["mAP"]
    assert table.rows[0][:2] == [
        "plain",
        f"{100 * mean:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]",
    ]
    first = result.first_match[result.scored]
    for column, rank in ((4, 5), (5, 10), (6, 20)):
        assert table.rows[0][column] == f"{100 * np.mean(first <= rank):.1f}"
    assert table.notes == [result.protocol_line]


def test_the_table_of_several_marks_what_differs() -> None:
    rankings = {"base": ranking(1.2), "same": ranking(1.2, seed=1), "better": ranking(0.6, seed=2)}
    table = compare_table(rankings)
    assert [row[0] for row in table.rows] == ["base", "same", "better"]
    p_values = [paired_test(rankings["base"], rankings[name]).p_value for name in ("same", "better")]
    assert p_values[1] < 0.001 / 2 < 0.05 < p_values[0]
    assert table.rows[2][1].endswith("]***")
    assert table.rows[0][1].endswith("]")
    assert table.rows[1][1].endswith("]")
    assert table.notes[0] == f"base: {rankings['base'].protocol_line}"
    assert "Holm-corrected for 2" in table.notes[-1]


def test_holm_is_the_step_down_rule() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_intervals_of_the_curve_are_those_of_rank_1_at_its_first_place() -> None:
    result = ranking(1.5)
    low, high = cmc_intervals(result)
    interval = bootstrap_intervals(result)["rank1"]
    assert (low[0], high[0]) == pytest.approx((interval.low, interval.high), abs=1e-12)
    # resampled by hand, the plain way
    rng = np.random.default_rng(3)
    first = result.first_match[result.scored]
    drawn = np.array(
        [[np.mean(first[rng.integers(0, len(first), len(first))] <= k) for k in (1, 3)] for _ in range(2000)]
    )
    plain = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert low[[0, 2]] == pytest.approx(plain[0], abs=0.02)
    assert high[[0, 2]] == pytest.approx(plain[1], abs=0.02)
    single = ranking(1.5, protocol="single_gallery_shot")
    assert np.isnan(cmc_intervals(single)[0]).all()
    assert "[" not in compare_table({"one": single}).rows[0][3]


def test_unlike_rankings_are_refused_by_line() -> None:
    base = ranking(1.0)
    assert unlike_lines(base, ranking(1.0, distance="euclidean")) == []
    assert unlike_lines(base, ranking(1.0, dataset="")) == []
    assert unlike_lines(base, ranking(1.0, dataset="forty")) == ["dataset 'thirty' and 'forty'"]
    other = ranking(1.0, protocol="mars_official")
    lines = unlike_lines(base, other)
    assert "protocol queries_in_gallery False and True" in lines
    assert f"gallery {150:,} and {210:,} rows" in lines
    with pytest.raises(
        ProtocolError, match="'a' and 'b' cannot be compared: protocol name 'cross_camera' and 'mars_o"
    ):
        compare_table({"a": base, "b": other})
    query, gallery = world(1.0)
    fewer = evaluate_features(query.select(range(20)), gallery, dataset="thirty")
    assert unlike_lines(base, fewer) == ["queries 60 and 20"]
    swapped = evaluate_features(query, gallery.select([1, 0, *range(2, 150)]), dataset="thirty")
    assert unlike_lines(base, swapped) == ["gallery camids, first in row 0: 0 and 1"]
    moved = replace(query, camids=np.where(np.arange(60) == 4, 9, query.camids))
    lines = unlike_lines(base, evaluate_features(moved, gallery, dataset="thirty"))
    before, after = (int(np.diff(r.match_offsets).sum()) for r in (base, evaluate_features(moved, gallery)))
    assert lines == [f"true matches of the queries: {before} and {after}, first at query 4"]
    with pytest.raises(ProtocolError, match="no ranking to compare"):
        compare_table({})


@pytest.mark.parametrize("protocol", ["cross_camera", "mars_official", "any_camera"])
def test_rank_1_of_camera_pairs_is_the_nearest_row_of_that_camera(protocol: str) -> None:
    query, gallery = world(1.5)
    rows, columns, rates, counts = camera_pair_rank1(query, gallery, protocol=protocol, distance="euclidean")
    searched = gallery.concat(query) if protocol == "mars_official" else gallery
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [0, 1, 2])
    for a, own in enumerate(rows):
        for b, other in enumerate(columns):
            hits = []
            for q in np.flatnonzero(query.camids == own):
                junk = protocol != "any_camera"
                allowed = [
                    g for g in range(len(searched)) if searched.camids[g] == other
                    and not (junk and searched.pids[g] == query.pids[q] and searched.camids[g] == own)
                ]  # fmt: skip
                if not any(searched.pids[g] == query.pids[q] for g in allowed):
                    continue
                gaps = [float((query.embeddings[q] - searched.embeddings[g]).norm()) for g in allowed]
                hits.append(searched.pids[allowed[int(np.argmin(gaps))]] == query.pids[q])
            assert counts[a, b] == len(hits)
            assert rates[a, b] == pytest.approx(np.mean(hits)) if hits else np.isnan(rates[a, b])
