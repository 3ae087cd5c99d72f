from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.conftest import exact_distances, score
from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import evaluate_distances, evaluate_features
from videoreid.types import EvaluationProtocol, Features

SHARED = Path(__file__).resolve().parents[4] / "shared"
REFERENCE = SHARED / "reference" / "numeric" / "ranking.npz"
MARS = SHARED / "data" / "mars_info"


def make_world(seed, queries=7, gallery=23, width=3, people=4, cameras=3, levels=None):
    """Random features; with ``levels`` their entries are small integers, so that ties abound."""
    rng = np.random.default_rng(seed)

    def features(count, lowest):
        values = rng.integers(0, levels, (count, width)) if levels else rng.normal(size=(count, width))
        pids, camids = rng.integers(lowest, people, count), rng.integers(0, cameras, count)
        return Features(torch.from_numpy(values.astype(np.float32)), pids, camids)

    query, items = features(queries, 0), features(gallery, -1)
    items.pids[0], items.camids[0] = query.pids[0], query.camids[0] + 1  # one match at least
    return query, items


def assert_agrees(ranking, expected):
    np.testing.assert_allclose(ranking.average_precision, [row[0] for row in expected], atol=1e-12)
    np.testing.assert_allclose(ranking.inverse_negative_penalty, [row[1] for row in expected], atol=1e-12)
    assert ranking.first_match.tolist() == [row[2] for row in expected]
    assert ranking.match_ranks.tolist() == [rank for row in expected for rank in row[3]]


@pytest.mark.skipif(not REFERENCE.exists(), reason="../shared/reference is not here")
@pytest.mark.parametrize("source", ["features", "distances"])
def test_equals_the_recorded_figures(source):
    data = np.load(REFERENCE)
    ids = [data[key] for key in ("q_pids", "g_pids", "q_camids", "g_camids")]
    if source == "distances":
        ranking = evaluate_distances(data["cosine"], *ids)
    else:
        query = Features(torch.from_numpy(data["q_features"]), ids[0], ids[2])
        ranking = evaluate_features(query, Features(torch.from_numpy(data["g_features"]), ids[1], ids[3]))
    np.testing.assert_allclose(ranking.cmc, data["cmc_nojunk"], atol=1e-6)
    assert ranking.mean_average_precision == pytest.approx(float(data["mAP_nojunk"]), abs=1e-6)
    assert ranking.mean_inverse_negative_penalty == pytest.approx(float(data["mINP_nojunk"]), abs=1e-6)
    toolkit = evaluate_distances(data["cosine"], *ids, protocol="market1501_toolkit")
    assert toolkit.mean_average_precision == pytest.approx(float(data["mAP_trapezoidal_nojunk"]), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    levels=st.sampled_from([None, 2, 3]),
    distance=st.sampled_from(["cosine", "euclidean", "squared_euclidean"]),
    junk=st.sampled_from(["same_camera", "nothing"]),
    kind=st.sampled_from(["standard", "trapezoidal"]),
)
def test_agrees_with_sorting_ties_included(seed, levels, distance, junk, kind):
    query, gallery = make_world(seed, levels=levels)
    rules = EvaluationProtocol("test", junk=junk, average_precision=kind)
    ranking = evaluate_features(query, gallery, protocol=rules, distance=distance, top_k=5)
    matrix = exact_distances(query.embeddings, gallery.embeddings, distance)
    ids = query.pids, gallery.pids, query.camids, gallery.camids
    assert_agrees(ranking, score(matrix, *ids, junk=junk, kind=kind))
    given_matrix = evaluate_distances(matrix, *ids, protocol=rules, top_k=5)
    np.testing.assert_array_equal(given_matrix.match_ranks, ranking.match_ranks)
    np.testing.assert_array_equal(given_matrix.top_indices, ranking.top_indices)
    np.testing.assert_allclose(given_matrix.top_distances, ranking.top_distances, rtol=1e-6, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_order_of_the_gallery_does_not_matter_without_ties(seed):
    query, gallery = make_world(seed)
    order = np.random.default_rng(seed + 1).permutation(len(gallery))
    first = evaluate_features(query, gallery)
    second = evaluate_features(query, gallery.select(order))
    np.testing.assert_array_equal(first.match_ranks, second.match_ranks)
    np.testing.assert_array_equal(
        first.top_indices[first.top_indices >= 0].size, (second.top_indices >= 0).sum()
    )
    shown = second.top_indices >= 0
    np.testing.assert_array_equal(order[second.top_indices[shown]], first.top_indices[shown])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(50, 1e4))
def test_a_distractor_never_raises_ap(seed, scale):
    query, gallery = make_world(seed)
    far = Features(torch.full((1, 3), float(scale)), np.array([0 + 10**6]), np.array([0]))
    before = evaluate_features(query, gallery, distance="euclidean", top_k=0)
    after = evaluate_features(query, gallery.concat(far), distance="euclidean", top_k=0)
    near = evaluate_features(
        query, gallery.concat(Features(query.embeddings[:1], far.pids, far.camids)), top_k=0
    )
    np.testing.assert_array_equal(after.average_precision, before.average_precision)
    reference = evaluate_features(query, gallery, top_k=0)
    scored = reference.scored
    assert (near.average_precision[scored] <= reference.average_precision[scored]).all()


def test_perfect_features_score_one():
    pids = np.arange(20)
    query = Features(torch.eye(20), pids, np.zeros(20, int))
    gallery = Features(torch.eye(20).repeat(3, 1), np.tile(pids, 3), np.ones(60, int))
    ranking = evaluate_features(
        query, gallery, protocol=EvaluationProtocol("test", average_precision="trapezoidal")
    )
    assert ranking.mean_average_precision == ranking.mean_inverse_negative_penalty == ranking.rank(1) == 1.0
    assert ranking.top_matches[:, :3].all()


def test_hand_computed_trapezoid():
    distances = np.arange(1.0, 7.0)[None]  # hits at ranks 1, 3, 6
    ids = [1], [1, 0, 1, 0, 0, 1], [0], [1] * 6
    assert evaluate_distances(distances, *ids).mean_average_precision == pytest.approx(13 / 18)
    toolkit = evaluate_distances(distances, *ids, protocol="market1501_toolkit")
    assert toolkit.mean_average_precision == pytest.approx(0.677778, abs=1e-6)


def test_small_gallery_fills_the_curve():
    ranking = evaluate_distances(np.array([[2.0, 1.0]]), [1], [1, 2], [0], [1, 1])
    assert ranking.cmc.tolist() == [0.0] + [1.0] * 49
    assert ranking.top_indices.tolist() == [[1, 0]]


def test_short_list_is_padded():
    ranking = evaluate_distances(np.array([[2.0, 1.0, 0.5]]), [1], [1, 1, -1], [0], [1, 0, 1])
    assert ranking.top_indices.tolist() == [[0, -1, -1]]
    assert ranking.top_distances[0, 0] == 2.0
    assert np.isnan(ranking.top_distances[0, 1:]).all()
    assert ranking.top_matches.tolist() == [[True, False, False]]


@pytest.mark.parametrize(("unmatched", "expected"), [("skip", 1.0), ("zero", 0.5)])
def test_query_without_a_match(unmatched, expected):
    distances = np.array([[1.0, 2.0], [1.0, 2.0]])
    rules = EvaluationProtocol("test", unmatched=unmatched)
    ranking = evaluate_distances(distances, [1, 9], [1, 2], [0, 0], [1, 1], protocol=rules)
    assert ranking.mean_average_precision == ranking.rank(1) == expected
    assert "1 scored, 1 without a match" in ranking.protocol_line
    with pytest.raises(ProtocolError, match="1 queries have no true match"):
        evaluate_distances(
            distances, [1, 9], [1, 2], [0, 0], [1, 1], protocol=EvaluationProtocol("test", unmatched="error")
        )


def test_camera_aware_moves_same_camera_pairs_back():
    query, published = make_world(3, queries=20, gallery=60)
    gallery = published.concat(query)  # the published rule has the queries in the gallery
    matrix = exact_distances(query.embeddings, gallery.embeddings)
    visible = gallery.pids != -1
    moved = matrix + (query.camids[:, None] == gallery.camids) * matrix[:, visible].max()
    ids = query.pids, gallery.pids, query.camids, gallery.camids
    expected = score(moved, *ids)
    ranking = evaluate_features(query, published, protocol="camera_aware")
    assert_agrees(ranking, expected)
    assert_agrees(evaluate_distances(matrix, *ids, protocol="camera_aware"), expected)
    assert "NOT comparable" in ranking.protocol_line


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "squared_euclidean"])
def test_camera_aware_distances_are_sums(distance):
    """Not roots of summed squares, as Euclidean distances would be if their squares were added."""
    query, published = make_world(3, queries=20, gallery=60)
    gallery = published.concat(query)
    matrix = exact_distances(query.embeddings, gallery.embeddings, distance)
    moved = matrix + (query.camids[:, None] == gallery.camids) * matrix[:, gallery.pids != -1].max()
    ranking = evaluate_features(query, published, protocol="camera_aware", distance=distance)
    for row, (indices, shown) in enumerate(zip(ranking.top_indices, ranking.top_distances, strict=True)):
        np.testing.assert_allclose(shown, moved[row, indices], rtol=1e-5, atol=1e-5)
    ids = query.pids, gallery.pids, query.camids, gallery.camids
    assert_agrees(ranking, score(moved, *ids))


def test_queries_join_the_gallery():
    query, gallery = make_world(5, queries=12, gallery=30)
    official = evaluate_features(query, gallery, protocol="mars_official")
    joined = gallery.concat(query)
    by_hand = evaluate_features(query, joined, protocol="mars_torchreid")
    np.testing.assert_array_equal(official.average_precision, by_hand.average_precision)
    assert f"gallery {(joined.pids != -1).sum()} with the queries" in official.protocol_line
    with pytest.raises(ProtocolError, match="holds the 12 queries already"):
        evaluate_features(query, joined, protocol="mars_official")
    matrix = exact_distances(query.embeddings, joined.embeddings)
    ids = query.pids, joined.pids, query.camids, joined.camids
    given_matrix = evaluate_distances(matrix, *ids, protocol="mars_official")
    np.testing.assert_array_equal(given_matrix.average_precision, official.average_precision)
    mixed = joined.select(np.random.default_rng(0).permutation(len(joined)))
    with pytest.raises(ProtocolError, match="holds the 12 queries already"):
        evaluate_features(query, mixed, protocol="mars_official")
    with pytest.raises(ProtocolError, match="neither the first nor the last"):
        evaluate_distances(matrix[:, :30], ids[0], gallery.pids, ids[2], gallery.camids, protocol="lsvid")


def test_refiners_change_distances_and_are_named():
    query, gallery = make_world(8)

    def reverse(distances, query, gallery):
        return -distances.dense()

    reverse.name = "reversed"
    ranking = evaluate_features(query, gallery, refiners=[reverse])
    matrix = -exact_distances(query.embeddings, gallery.embeddings)
    assert_agrees(ranking, score(matrix, query.pids, gallery.pids, query.camids, gallery.camids))
    assert "refiners reversed" in ranking.protocol_line

    def broken(distances, query, gallery):
        return distances.dense()[:, 1:]

    with pytest.raises(ProtocolError, match="refiner 'broken' returned"):
        evaluate_features(query, gallery, refiners=[broken])


def test_single_gallery_shot_of_one_row_per_person_is_the_plain_score():
    rng = np.random.default_rng(0)
    matrix = rng.random((9, 9))
    ids = np.arange(9), np.arange(9), np.zeros(9, int), np.ones(9, int)
    plain = evaluate_distances(matrix, *ids)
    single = evaluate_distances(matrix, *ids, protocol="single_gallery_shot")
    np.testing.assert_allclose(single.average_precision, plain.average_precision)
    np.testing.assert_allclose(single.cmc, plain.cmc)
    np.testing.assert_array_equal(single.first_match, plain.first_match)


def test_single_gallery_shot_draws_for_the_cmc_alone():
    """As published code does: the CMC is the expectation over random galleries, AP is over all kept rows."""
    query, gallery = make_world(11, queries=30, gallery=80, people=6)
    single = evaluate_features(query, gallery, protocol="single_gallery_shot", top_k=0)
    matrix = exact_distances(query.embeddings, gallery.embeddings)
    rng = np.random.default_rng(1)
    ranks = []
    for _ in range(300):
        for q in np.flatnonzero(single.scored):
            ids = gallery.pids
            own = (ids == query.pids[q]) & (gallery.camids != query.camids[q])
            rows = [rng.choice(np.flatnonzero(ids == pid)) for pid in range(6) if pid != query.pids[q]]
            match = rng.choice(np.flatnonzero(own))
            ranks.append(1 + (matrix[q, rows] < matrix[q, match]).sum())
    expected = [(np.array(ranks) <= rank).mean() for rank in range(1, 7)]
    np.testing.assert_allclose(single.cmc[:6], expected, atol=0.05)
    ids = query.pids, gallery.pids, query.camids, gallery.camids
    plain = score(matrix, *ids)
    np.testing.assert_allclose(single.average_precision, [row[0] for row in plain], atol=1e-12)
    np.testing.assert_allclose(single.inverse_negative_penalty, [row[1] for row in plain], atol=1e-12)
    assert single.match_ranks.tolist() == [rank for row in plain for rank in row[3]]
    assert single.rank(1) != evaluate_features(query, gallery, top_k=0).rank(1)
    assert "CMC by single gallery shot" in single.protocol_line


def mars_ids():
    from scipy.io import loadmat

    table = loadmat(MARS / "tracks_test_info.mat")["track_test_info"].astype(np.int64)
    chosen = loadmat(MARS / "query_IDX.mat")["query_IDX"].ravel().astype(np.int64) - 1
    rest = np.setdiff1d(np.arange(len(table)), chosen)
    return table[chosen, 2], table[rest, 2], table[chosen, 3] - 1, table[rest, 3] - 1


@pytest.mark.skipif(not MARS.exists(), reason="../shared/data/mars_info is not here")
@pytest.mark.parametrize(
    ("protocol", "gallery_rows", "scored"),
    [("mars_official", 11310, 1980), ("camera_aware", 11310, 1980), ("mars_torchreid", 9330, 1840)],
)
def test_published_mars_has_the_published_counts(protocol, gallery_rows, scored):
    q_pids, g_pids, q_camids, g_camids = mars_ids()
    generator = torch.Generator().manual_seed(0)
    query = Features(torch.randn(len(q_pids), 16, generator=generator), q_pids, q_camids)
    gallery = Features(torch.randn(len(g_pids), 16, generator=generator), g_pids, g_camids)
    ranking = evaluate_features(query, gallery, protocol=protocol, dataset="mars", top_k=0)
    assert ranking.scored.sum() == scored
    assert f"gallery {gallery_rows:,}" in ranking.protocol_line
    assert f"queries {scored:,} scored, {1980 - scored} without" in ranking.protocol_line
    assert ranking.summary()["queries_scored"] == scored


def test_bad_input():
    good = np.ones((2, 3)), [1, 2], [1, 2, 3], [0, 0], [1, 1, 1]

    def call(*changes, **options):
        arguments = list(good)
        for place, value in changes:
            arguments[place] = value
        return evaluate_distances(*arguments, **options)

    with pytest.raises(ProtocolError, match=r"q_pids has shape \(3,\), expected \(2,\)"):
        call((1, [1, 2, 3]))
    with pytest.raises(ProtocolError, match="g_camids has shape"):
        call((4, [1, 1]))
    with pytest.raises(ProtocolError, match="g_pids must be integers, got float64"):
        call((2, [1.0, 2.0, 3.0]))
    for place, name in ((1, "q_pids"), (2, "g_pids"), (3, "q_camids"), (4, "g_camids")):
        with pytest.raises(ProtocolError, match=f"{name} must be integers, got <U2; map the ids"):
            call((place, np.array([f"p{i}" for i in good[place]])))
        with pytest.raises(ProtocolError, match=f"{name} holds 18446744073709551615, which is beyond"):
            call((place, np.full(len(good[place]), 2**64 - 1, np.uint64)))
    with pytest.raises(ProtocolError, match="distances must be a tensor or an array of numbers, got <U1"):
        call((0, [["a", "b", "c"]] * 2))
    with pytest.raises(ProtocolError, match="1 queries are NaN or infinite, the first at rows \\[1\\]"):
        call((0, np.array([[1, 2, 3], [1, np.nan, 3]])))
    with pytest.raises(ProtocolError, match="nothing to score: 2 queries and 0 gallery rows"):
        call((0, np.ones((2, 0))), (2, []), (4, []))
    with pytest.raises(ProtocolError, match="nothing to score: 0 queries"):
        call((0, np.ones((0, 3))), (1, []), (3, []))
    with pytest.raises(ProtocolError, match="no query has a true match"):
        call((1, [7, 8]))
    with pytest.raises(ProtocolError, match="use protocol 'no_cameras'"):
        call((3, [-1, -1]))
    assert call((3, [-1, -1]), protocol="no_cameras").rank(1) == 0.5
    with pytest.raises(ProtocolError, match=r"must be \(Q, G\)"):
        call((0, np.ones(3)))


def test_bad_features():
    query, gallery = make_world(0)
    with pytest.raises(ProtocolError, match="width 2, gallery features 3"):
        evaluate_features(Features(query.embeddings[:, :2], query.pids, query.camids), gallery)
    with pytest.raises(ProtocolError, match="float64"):
        evaluate_features(Features(query.embeddings.double(), query.pids, query.camids), gallery)
    for distance in ("cosine", "euclidean"):
        long = Features(query.embeddings * 1e20, query.pids, query.camids)
        with pytest.raises(ProtocolError, match="squares are beyond the range of float32"):
            evaluate_features(long, gallery, distance=distance)
    with pytest.raises(ConfigError, match="unknown distance 'manhattan'"):
        evaluate_features(query, gallery, distance="manhattan")


def test_half_precision_and_float64_features():
    query, gallery = make_world(1)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        q, g = (Features(part.embeddings.to(dtype), part.pids, part.camids) for part in (query, gallery))
        matrix = exact_distances(q.embeddings.double(), g.embeddings.double())
        expected = score(matrix, q.pids, g.pids, q.camids, g.camids)
        assert_agrees(evaluate_features(q, g), expected)


def test_queries_in_the_gallery_are_found_by_pids_and_cameras():
    distances = np.ones((2, 4), dtype=np.float32)
    pids, camids = np.array([1, 2]), np.array([0, 0])
    people, cameras = np.array([1, 2, 1, 2]), np.array([1, 1, 0, 0])  # the last two columns are the queries
    ranking = evaluate_distances(distances, pids, people, camids, cameras, protocol="mars_official")
    assert ranking.gallery.query_start == 2
    with pytest.raises(ProtocolError, match="neither the first nor the last 2 columns"):
        evaluate_distances(distances, pids, people, camids, np.array([1, 1, 2, 2]), protocol="mars_official")
