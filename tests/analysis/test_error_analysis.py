"""Error analysis on rankings made by hand, with pictures whose trouble is known."""

import csv
import json
from dataclasses import replace
from functools import lru_cache
from itertools import product

import cv2
import numpy as np
import pytest
import torch

from videoreid.analysis import AnalysisSettings, analyse_errors, best_true_matches
from videoreid.errors import ConfigError, FrameError, ProtocolError
from videoreid.metrics import evaluate_distances, evaluate_features
from videoreid.types import Features, Tracklet

QUERIES = 60
SETTINGS = AnalysisSettings(frames=2, resamples=200, bins=3, thresholds={"dark clothes": 0.55})


@lru_cache
def picture(key: str) -> np.ndarray:
    """Draw a person before a wall: ``row:light:clothes:break``."""
    row, light, clothes, *_ = key.split(":")
    generator = np.random.default_rng(int(row))
    image = np.full((64, 32, 3), 160.0) + generator.uniform(-25, 25, 3)
    image[:: int(generator.integers(5, 12))] -= generator.uniform(0, 40)
    left, right = generator.integers(6, 12), generator.integers(19, 26)
    image[6:14, 12:20] = generator.uniform(120, 220)
    image[14 : generator.integers(40, 60), left:right] = float(clothes) * generator.uniform(0.8, 1.0)
    if generator.random() < 0.3:
        image[:, : generator.integers(2, 6)] = generator.uniform(60, 220, 3)
    sigma = generator.uniform(0.3, 1.2)
    image = cv2.GaussianBlur(image, (0, 0), sigma) * float(light) + generator.normal(0, 1, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def read_frames(keys) -> list[np.ndarray]:
    if any(key.endswith("missing") for key in keys):
        raise FrameError("a frame cannot be read")
    return [picture(key) for key in keys]


def world(fails) -> tuple:
    """Return a ranking and tracklets: query i is of person i, its match row i; ``fails[i]`` puts a stranger first."""
    generator = np.random.default_rng(0)
    dim, dark = generator.random(QUERIES) < 0.4, generator.random(QUERIES) < 0.5
    fail = np.array([fails(a, b, generator) for a, b in zip(dim, dark, strict=True)])
    query = [
        Tracklet(
            [f"{i}:{0.2 if dim[i] else 1.0}:{20 if dark[i] else 200}"] * (2 + i % 3),
            i + 1,
            i % 2,
            float(i),
            i + 1.0,
        )
        for i in range(QUERIES)
    ]
    gallery = [replace(t, camid=2, time=t.time + 50, end_time=t.end_time + 50) for t in query]
    distances = generator.uniform(0.5, 1.0, (QUERIES, QUERIES))
    distances[np.arange(QUERIES), np.arange(QUERIES)] = np.where(fail, 0.6, 0.1)
    rows = np.flatnonzero(fail)
    distances[rows, (rows + 1) % QUERIES] = 0.2
    ids = [
        np.array([getattr(t, name) for t in side])
        for name, side in product(("pid", "camid"), (query, gallery))
    ]
    return (
        evaluate_distances(distances, *ids, dataset="by hand", top_k=QUERIES),
        query,
        gallery,
        dim,
        dark,
        fail,
    )


@pytest.fixture(scope="module")
def analysed():
    made = world(lambda dim, dark, generator: generator.random() < (0.85 if dim else 0.15))
    ranking, query, gallery, *_ = made
    return analyse_errors(ranking, query, gallery, read_frames=read_frames, settings=SETTINGS), made


def test_flags_are_what_was_drawn(analysed) -> None:
    analysis, (_, _, _, dim, dark, _) = analysed
    np.testing.assert_array_equal(analysis.flags["low light"], dim)
    np.testing.assert_array_equal(analysis.flags["dark clothes"], dark)
    assert set(analysis.flags) == {
        "occlusion",
        "several people",
        "low resolution",
        "low light",
        "dark clothes",
    }
    assert all(flag.dtype == bool and flag.shape == (QUERIES,) for flag in analysis.flags.values())


def test_the_dearest_cause_is_the_one_that_fails_and_costs_what_counting_says(analysed) -> None:
    analysis, (_, _, _, dim, _, fail) = analysed
    costs = {cost.name: cost for cost in analysis.costs}
    cost = costs["low light"]
    assert cost.touched.queries == dim.sum()
    assert cost.touched.coverage == pytest.approx(dim.mean())
    assert cost.touched.rank1.value == pytest.approx(1 - fail[dim].mean())
    assert cost.rank1_points.value == pytest.approx(fail.mean() - fail[~dim].mean())
    assert cost.rank1_points.low > 0
    assert cost.adjusted_points.low > 0
    assert cost.adjusted_points.value == pytest.approx(cost.rank1_points.value, abs=0.08)
    assert abs(costs["dark clothes"].adjusted_points.value) < 0.1


def test_groups_hold_all_queries_and_their_scores(analysed) -> None:
    analysis, (ranking, *_, fail) = analysed
    groups = analysis.bins["scene darkness"]
    assert sum(group.scores.queries for group in groups) == QUERIES
    assert groups[0].scores.rank1.value > groups[-1].scores.rank1.value + 0.4
    total = sum(group.scores.mean_average_precision.value * group.scores.coverage for group in groups)
    assert total == pytest.approx(ranking.mean_average_precision)
    assert [(pair.query, pair.match) for pair in analysis.camera_pairs] == [(0, 2), (1, 2)]
    assert analysis.failures == fail.sum()


def test_the_regression_finds_the_scene_and_not_the_clothes(analysed) -> None:
    fit = analysed[0].regressions.pair
    place = fit.names.index("scene darkness")
    assert fit.low[place] > 0
    clothes = fit.names.index("clothing darkness")
    assert fit.low[clothes] < 0 < fit.high[clothes]
    assert "coarseness" in {*fit.names, *analysed[0].regressions.left_out}
    assert np.nanmin(fit.vif) >= 1.0


def test_dark_clothes_in_dark_scenes_are_an_interaction_when_they_are_one() -> None:
    made = world(lambda dim, dark, generator: generator.random() < (0.9 if dim and dark else 0.1))
    analysis = analyse_errors(*made[:3], read_frames=read_frames, settings=SETTINGS)
    cells = analysis.regressions.interaction.cells
    assert cells[True, True].rank1.value < 0.3 < 0.7 < cells[True, False].rank1.value
    fit = analysis.regressions.interaction.fit
    assert fit.names[-1] == "scene darkness x clothing darkness"
    assert fit.coefficients[-1] > 0


def test_the_hardest_are_failures_that_the_cause_touches_worst_first(analysed) -> None:
    analysis, (ranking, _, _, dim, _, fail) = analysed
    rows = analysis.hardest["low light"]
    assert len(rows) == SETTINGS.hardest
    assert all(dim[row] and fail[row] for row in rows)
    precision = ranking.average_precision[list(rows)]
    assert (np.diff(precision) >= 0).all()


def test_files_hold_the_figures_and_the_page_its_protocol(analysed, tmp_path) -> None:
    analysis, (ranking, query, *_) = analysed
    figures = json.loads(analysis.to_json())
    assert figures["rank1"] == pytest.approx(ranking.rank(1))
    assert figures["causes"][0]["cause"] == "low light"
    assert figures["settings"]["thresholds"]["low light"] == pytest.approx(60 / 255)
    analysis.write_csv(tmp_path / "queries.csv")
    rows = list(csv.DictReader((tmp_path / "queries.csv").open()))
    assert [int(row["pid"]) for row in rows] == [tracklet.pid for tracklet in query]
    assert float(rows[0]["time_gap"]) == pytest.approx(49.0)
    analysis.write_page(tmp_path / "page.html", read_frames=read_frames)
    page = (tmp_path / "page.html").read_text()
    assert ranking.protocol_line in page
    assert page.count("data:image/jpeg") >= 3 * SETTINGS.hardest
    analysis.write_page(tmp_path / "page.html")
    assert "data:image/jpeg" not in (tmp_path / "page.html").read_text()


def test_the_line_says_causes_in_order_with_points_and_coverage(analysed) -> None:
    line = analysed[0].summary()
    assert line.startswith("causes (points of Rank-1, adjusted for the others) | ")
    assert line.index("low light") < line.index("dark clothes")
    assert f"{analysed[0].failures} of {QUERIES} queries fail" in line


def test_it_is_the_same_twice(analysed) -> None:
    analysis, (ranking, query, gallery, *_) = analysed
    again = analyse_errors(ranking, query, gallery, read_frames=read_frames, settings=SETTINGS)
    assert again.to_json() == analysis.to_json()


def test_missing_frames_are_counted_and_what_is_left_is_measured(analysed) -> None:
    _, (ranking, query, gallery, *_) = analysed
    query = [replace(query[0], frames=[query[0].frames[0], "0:1:1:missing"]),
             replace(query[1], frames=["1:1:1:missing"] * 2), *query[2:]]  # fmt: skip
    analysis = analyse_errors(ranking, query, gallery, read_frames=read_frames, settings=SETTINGS)
    assert analysis.missing_frames == 3
    assert not np.isnan(analysis.query_attributes.values["light"][0])
    assert np.isnan(analysis.query_attributes.values["light"][1])
    assert analysis.query_attributes.values["length"][1] == 2
    assert json.loads(analysis.to_json())["frames_missing"] == 3


def test_no_frame_at_all_is_no_crash(analysed, tmp_path) -> None:
    _, (ranking, query, gallery, *_) = analysed

    def nothing(keys):
        raise FrameError("gone")

    analysis = analyse_errors(ranking, query, gallery, read_frames=nothing, settings=SETTINGS)
    assert analysis.missing_frames == 4 * QUERIES
    assert all(not flag.any() for flag in analysis.flags.values())
    assert all(cost.rank1_points is None for cost in analysis.costs)
    assert "no estimate (affects 0 %)" in analysis.summary()
    assert "unknown for 60 of 60 queries" in analysis.regressions.left_out["occlusion"]
    analysis.write_page(tmp_path / "page.html", read_frames=nothing)


def test_few_failures_give_no_regression_and_the_reason() -> None:
    made = world(lambda dim, dark, generator: generator.random() < 0.05)
    analysis = analyse_errors(*made[:3], read_frames=read_frames, settings=SETTINGS)
    assert analysis.regressions.pair is None
    assert "a regression needs 10 failures and 10 hits or more" in analysis.regressions.reasons["pair"]
    assert analysis.summary().startswith("causes (points of Rank-1, unadjusted)")


def test_perfect_separation_is_named() -> None:
    made = world(lambda dim, dark, generator: dim)
    analysis = analyse_errors(*made[:3], read_frames=read_frames, settings=SETTINGS)
    assert analysis.regressions.pair.method == "Firth's penalised likelihood"
    assert analysis.costs[0].name == "low light"


def test_one_bin_is_the_whole(analysed) -> None:
    _, (ranking, query, gallery, *_) = analysed
    settings = replace(SETTINGS, bins=1)
    analysis = analyse_errors(ranking, query, gallery, read_frames=read_frames, settings=settings)
    (group,) = analysis.bins["scene darkness"]
    assert group.scores.coverage == 1.0
    assert group.scores.rank1.value == pytest.approx(ranking.rank(1))


def test_queries_without_a_match_are_left_out(analysed) -> None:
    _, (_, query, gallery, *_) = analysed
    features = [
        Features(torch.from_numpy(np.random.default_rng(n).normal(size=(len(side), 8))),
                 *(np.array([getattr(t, name) for t in side]) for name in ("pid", "camid")))
        for n, side in enumerate((query, gallery[5:]))
    ]  # fmt: skip
    ranking = evaluate_features(*features, top_k=2)
    matches = best_true_matches(*features)
    assert (matches[:5] == -1).all()
    analysis = analyse_errors(
        ranking, query, gallery[5:], read_frames=read_frames, best_matches=matches, settings=SETTINGS
    )
    assert np.isnan(analysis.match_attributes.values["light"][:5]).all()
    figures = analysis.to_dict()
    assert figures["queries_without_match"] == 5
    assert sum(group["queries"] for group in figures["bins"]["scene darkness"]) == QUERIES - 5
    assert analysis.unknown_matches == 0
    known = analyse_errors(ranking, query, gallery[5:], read_frames=read_frames, settings=SETTINGS)
    np.testing.assert_array_equal(known.best_matches, matches)
    # in a ranking made by hand, matches behind the two kept answers are not known
    short = analyse_errors(
        replace(ranking, same_person=None), query, gallery[5:], read_frames=read_frames, settings=SETTINGS
    )
    assert short.unknown_matches == (ranking.scored & ~ranking.top_matches.any(1)).sum() > 0


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "squared_euclidean"])
@pytest.mark.parametrize("protocol", ["cross_camera", "mars_official"])
def test_best_matches_are_the_first_hits_of_the_whole_ranking(distance, protocol) -> None:
    generator = np.random.default_rng(4)
    sides = [
        Features(
            torch.from_numpy(generator.normal(size=(n, 6))),
            generator.integers(1, 9, n),
            generator.integers(0, 3, n),
        )
        for n in (20, 50)
    ]
    ranking = evaluate_features(*sides, protocol=protocol, distance=distance, top_k=70)
    found = best_true_matches(*sides, protocol=protocol, distance=distance)
    first = ranking.top_indices[np.arange(20), ranking.top_matches.argmax(1)]
    np.testing.assert_array_equal(found, np.where(ranking.scored, first, -1))
    nearest = [ranking.same_person.of(row, matches=True)[0][:1] for row in np.flatnonzero(ranking.scored)]
    np.testing.assert_array_equal(np.concatenate(nearest), found[ranking.scored])


def test_bad_input_is_told(analysed) -> None:
    _, (ranking, query, gallery, *_) = analysed
    with pytest.raises(ProtocolError, match="best_matches must be"):
        analyse_errors(ranking, query, gallery, read_frames=read_frames, best_matches=np.zeros(3, int))
    with pytest.raises(ProtocolError, match="the ranking holds 60 queries"):
        analyse_errors(ranking, query[:3], gallery, read_frames=read_frames)
    with pytest.raises(ConfigError, match="no cause is called 'rain'"):
        AnalysisSettings(thresholds={"rain": 1.0})
    with pytest.raises(ConfigError, match="must be 1 or more"):
        AnalysisSettings(bins=0)
    single = replace(ranking, protocol=replace(ranking.protocol, gallery_shot="single"))
    with pytest.raises(ProtocolError, match="single gallery shot"):
        analyse_errors(single, query, gallery, read_frames=read_frames)
