"""Re-ranking against recorded figures, a dense oracle in float64, and bad input."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.reranking.oracle import dense_oracle
from videoreid.distances import (
    FeaturePairs,
    FeatureSource,
    MatrixPairs,
    MatrixSource,
    StreamedSource,
    pairwise_distance,
)
from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import evaluate_distances, evaluate_features, get_protocol
from videoreid.metrics.reranking.encoding import average_rows, encode_rows, reciprocal_mask
from videoreid.metrics.reranking.jaccard import RerankedDistances
from videoreid.metrics.reranking.k_reciprocal import (
    KReciprocal,
    k_reciprocal_rerank,
    k_reciprocal_rerank_blocks,
    k_reciprocal_rerank_distances,
    re_ranking,
)
from videoreid.metrics.reranking.neighbours import nearest_neighbours
from videoreid.types import Features

FIGURES = Path(__file__).resolve().parents[4] / "shared" / "reference" / "numeric" / "rerank.npz"


def feature_oracle(query, gallery, k1=20, k2=6, lambda_value=0.3, metric="cosine", exponent=2.0):
    rows = torch.cat([query, gallery]).double()
    full = pairwise_distance(rows, rows, metric).clamp(min=0).fill_diagonal_(0).numpy()
    q = len(query)
    return dense_oracle(full[:q, q:], full[:q, :q], full[q:, q:], k1, k2, lambda_value, exponent)


def clustered(num_rows, width=16, per_cluster=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(max(1, num_rows // per_cluster), width, generator=generator)
    noise = torch.randn(num_rows, width, generator=generator)
    return centres[torch.arange(num_rows) % len(centres)] + 0.5 * noise


@pytest.mark.parametrize(
    ("key", "metric", "k1", "k2", "lambda_value"),
    [
        ("cosine_k1_20_k2_6_lambda_0p3", "cosine", 20, 6, 0.3),
        ("sqeuclidean_k1_30_k2_4_lambda_0p2", "squared_euclidean", 30, 4, 0.2),
    ],
)
def test_recorded_figures(key, metric, k1, k2, lambda_value):
    if not FIGURES.exists():
        pytest.skip("the recorded figures are not beside this checkout")
    figures = np.load(FIGURES)
    query, gallery = torch.from_numpy(figures["q_features"]), torch.from_numpy(figures["g_features"])
    found = k_reciprocal_rerank(query, gallery, k1, k2, lambda_value, metric)
    np.testing.assert_allclose(found.numpy(), figures[key], rtol=0, atol=1e-5)
    parts = [
        pairwise_distance(a, b, metric) for a, b in ((query, gallery), (query, query), (gallery, gallery))
    ]
    found = re_ranking(*(part.numpy() for part in parts), k1, k2, lambda_value)
    np.testing.assert_allclose(found, figures[key], rtol=0, atol=1e-5)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "squared_euclidean"])
@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_features_equal_the_oracle(metric, exponent):
    rows = clustered(150).double()
    query, gallery = rows[:30], rows[30:]
    found = k_reciprocal_rerank(query, gallery, 12, 4, 0.4, metric, exponent=exponent)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(
        found.numpy(), feature_oracle(query, gallery, 12, 4, 0.4, metric, exponent), rtol=0, atol=1e-9
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_given_distances_equal_the_oracle_ties_and_tiny_sets_included(data):
    q = data.draw(st.integers(1, 8))
    g = data.draw(st.integers(1, 20))
    k1 = data.draw(st.integers(1, 40))
    k2 = data.draw(st.integers(1, 10))
    lambda_value = data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    levels = data.draw(st.sampled_from([1, 3, 50]))
    symmetric = data.draw(st.booleans())
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    full = rng.integers(0, levels, (q + g, q + g)) / max(levels - 1, 1)
    if symmetric:
        full = np.triu(full, 1) + np.triu(full, 1).T
    parts = [torch.from_numpy(part) for part in (full[:q, q:], full[:q, :q], full[q:, q:])]
    found = k_reciprocal_rerank_distances(
        *parts, k1, k2, lambda_value, chunk_size=data.draw(st.integers(1, 30))
    )
    np.testing.assert_allclose(found, dense_oracle(*parts, k1, k2, lambda_value), rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_features_with_duplicates_equal_the_oracle(data):
    q = data.draw(st.integers(1, 6))
    g = data.draw(st.integers(1, 25))
    distinct = data.draw(st.integers(1, 10))
    k1, k2 = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    # small integers have exact squared distances, so that duplicates tie exactly in both
    points = torch.from_numpy(rng.integers(-3, 4, (distinct, 4))).double()
    rows = points[torch.from_numpy(rng.integers(0, distinct, q + g))]
    found = k_reciprocal_rerank(rows[:q], rows[q:], k1, k2, 0.3, "squared_euclidean")
    expected = feature_oracle(rows[:q], rows[q:], k1, k2, 0.3, "squared_euclidean")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(chunk_size=st.integers(1, 200), metric=st.sampled_from(["cosine", "squared_euclidean"]))
def test_chunk_size_changes_nothing(chunk_size, metric):
    rows = clustered(120)
    whole = k_reciprocal_rerank(rows[:25], rows[25:], 10, 3, metric=metric)
    found = k_reciprocal_rerank(rows[:25], rows[25:], 10, 3, metric=metric, chunk_size=chunk_size)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-6)


def test_neither_chunks_nor_rounding_of_products_decide_among_close_neighbours():
    rows = clustered(1500, width=64, per_cluster=25)
    whole = k_reciprocal_rerank(rows[:200], rows[200:], chunk_size=2048)
    for chunk_size in (37, 256, 1000):
        found = k_reciprocal_rerank(rows[:200], rows[200:], chunk_size=chunk_size)
        torch.testing.assert_close(found, whole, rtol=0, atol=1e-6)
    expected = feature_oracle(rows[:200], rows[200:])
    torch.testing.assert_close(whole.double(), torch.from_numpy(expected), rtol=0, atol=2e-6)


def test_blocks_are_the_matrix_in_order():
    rows = clustered(100)
    whole = k_reciprocal_rerank(rows[:30], rows[30:], 8, 3)
    blocks = list(k_reciprocal_rerank_blocks(rows[:30], rows[30:], 8, 3, chunk_size=7))
    assert [(rows_.start, rows_.stop) for rows_, _ in blocks] == [
        (0, 7),
        (7, 14),
        (14, 21),
        (21, 28),
        (28, 30),
    ]
    torch.testing.assert_close(torch.cat([block for _, block in blocks]), whole, rtol=0, atol=1e-6)


def test_permuting_the_gallery_permutes_the_distances():
    rows = clustered(100)
    order = torch.from_numpy(np.random.default_rng(0).permutation(80))
    whole = k_reciprocal_rerank(rows[:20], rows[20:])
    torch.testing.assert_close(
        k_reciprocal_rerank(rows[:20], rows[20:][order]), whole[:, order], rtol=0, atol=1e-6
    )


def test_lambda_one_leaves_the_order_and_zero_ignores_distance():
    rows = clustered(60)
    original = pairwise_distance(rows[:10], rows[10:])
    found = k_reciprocal_rerank(rows[:10], rows[10:], lambda_value=1.0)
    assert torch.equal(found.argsort(1), original.argsort(1))
    found = k_reciprocal_rerank(rows[:10], rows[10:], k1=5, lambda_value=0.0)
    assert float(found.max()) == 1.0, "a row that shares no neighbour is at Jaccard distance 1"
    assert float(found.min()) >= 0.0


def test_it_improves_a_noisy_clustered_ranking():
    generator = torch.Generator().manual_seed(1)
    pids = torch.arange(400) % 20
    rows = torch.randn(20, 32, generator=generator)[pids] + 1.6 * torch.randn(400, 32, generator=generator)
    match = pids[:40, None] == pids[None, 40:]

    def mean_precision(distances):
        hits = match.gather(1, distances.argsort(1))[:, :18].float()
        return float(hits.mean())

    before = mean_precision(pairwise_distance(rows[:40], rows[40:]))
    assert mean_precision(k_reciprocal_rerank(rows[:40], rows[40:])) > before + 0.05


def test_neighbours_equal_a_stable_sort_with_maxima():
    full = torch.from_numpy(np.random.default_rng(3).integers(0, 6, (70, 70)).astype(np.float32))
    full = full + full.t()
    source = MatrixPairs(full[:30, 30:], full[:30, :30], full[30:, 30:])
    found = nearest_neighbours(source, 9, 8)
    assert torch.equal(found.indices, full.argsort(dim=1, stable=True)[:, :9])
    assert torch.equal(found.maxima, full.amax(1))
    features = clustered(70)
    source = FeaturePairs(features[:30], features[30:], "euclidean")
    found = nearest_neighbours(source, 9, 8)
    full = pairwise_distance(features, features, "euclidean").fill_diagonal_(0)
    assert torch.equal(found.indices, full.argsort(dim=1, stable=True)[:, :9])
    torch.testing.assert_close(found.maxima, full.amax(1))


def test_neighbours_are_exact_where_products_are_not():
    # far from the origin |x|^2 + |y|^2 - 2 xy loses most of its digits in float32
    features = 30 + clustered(600, width=64, per_cluster=25)
    exact = torch.cdist(features.double(), features.double()).square().fill_diagonal_(0)
    source = FeaturePairs(features[:100], features[100:], "squared_euclidean")
    found = nearest_neighbours(source, 9, 128)
    assert torch.equal(found.indices, exact.argsort(dim=1, stable=True)[:, :9])
    tiles = source.block(slice(0, 100), slice(100, 600)).argsort(dim=1)[:, :9]
    assert not torch.equal(tiles, exact[:100, 100:].argsort(dim=1)[:, :9]), "products alone would do"


def test_each_later_column_nearer_than_all_before():
    full = torch.arange(40.0, 0, -1).expand(40, 40).contiguous()
    source = MatrixPairs(full[:10, 10:], full[:10, :10].t(), full[10:, 10:].t())
    found = nearest_neighbours(source, 3, 4)
    assert found.indices[:10].tolist() == [[39, 38, 37]] * 10


def test_reciprocal_mask_by_hand():
    indices = torch.tensor([[0, 1], [1, 2], [2, 1], [3, 0]])
    assert reciprocal_mask(indices).tolist() == [[True, False], [True, True], [True, True], [True, False]]


def test_encodings_sum_to_one_and_means_too():
    rows = clustered(50)
    source = FeaturePairs(rows[:10], rows[10:])
    neighbours = nearest_neighbours(source, 9, 16)
    encoded = encode_rows(source, neighbours, 8, 2.0)
    averaged = average_rows(encoded, neighbours.indices[:, :3])
    for sparse in (encoded, averaged):
        row = torch.repeat_interleave(torch.arange(50), sparse.starts.diff())
        total = torch.zeros(50).index_add_(0, row, sparse.values)
        torch.testing.assert_close(total, torch.ones(50))


def test_two_thirds_is_compared_as_the_published_float_is():
    for size in range(2000):
        for inside in (2 * size // 3, 2 * size // 3 + 1):
            assert (inside > 2 / 3 * size) == (3 * inside > 2 * size)


def test_refiner_names_its_settings_and_refuses_other_distances():
    rows = clustered(40)
    ids = np.zeros(20, dtype=np.int64)
    query, gallery = Features(rows[:20], ids, ids), Features(rows[20:], ids, ids)
    refiner = KReciprocal(k1=6, k2=2)
    assert refiner.name == "KReciprocal(k1=6, k2=2, lambda_value=0.3)"
    assert KReciprocal(exponent=1).name == "KReciprocal(k1=20, k2=6, lambda_value=0.3, exponent=1)"
    distances = FeatureSource(rows[:20], rows[20:], "cosine")
    expected = k_reciprocal_rerank(rows[:20], rows[20:], 6, 2)
    assert torch.equal(refiner(distances, query, gallery).dense(), expected)
    for other in (FeatureSource(rows[:20], rows[20:], "euclidean"), MatrixSource(distances.dense())):
        with pytest.raises(ConfigError, match="given other distances"):
            refiner(other, query, gallery)


def test_an_evaluation_never_holds_the_whole_matrix(monkeypatch):
    """Re-ranked distances are made some queries at a time, each once, and scored as the whole matrix would be."""
    rows = clustered(200)
    rng = np.random.default_rng(0)
    sides = [
        Features(part, rng.integers(0, 8, len(part)), rng.integers(0, 3, len(part)))
        for part in (rows[:60], rows[60:])
    ]
    settings = KReciprocal(k1=6, k2=2, chunk_size=16)
    made = []
    compute = RerankedDistances.rows
    monkeypatch.setattr(
        RerankedDistances, "rows", lambda self, part: made.append(part) or compute(self, part)
    )
    monkeypatch.setattr(StreamedSource, "dense", None)
    monkeypatch.setattr(FeatureSource, "dense", None)
    streamed = evaluate_features(*sides, refiners=[settings], top_k=7)
    assert made == [slice(start, min(start + 16, 60)) for start in range(0, 60, 16)]
    monkeypatch.undo()
    matrix = k_reciprocal_rerank(rows[:60], rows[60:], 6, 2, chunk_size=16)
    ids = sides[0].pids, sides[1].pids, sides[0].camids, sides[1].camids
    whole = evaluate_distances(matrix, *ids, top_k=7)
    for name in ("average_precision", "match_ranks", "top_indices", "top_distances", "cmc"):
        np.testing.assert_array_equal(getattr(streamed, name), getattr(whole, name))


@pytest.mark.parametrize("protocol", ["mars_official", "single_gallery_shot", "camera_aware"])
def test_reranked_scores_are_those_of_the_matrix_under_every_kind_of_protocol(protocol):
    rows = clustered(120)
    rng = np.random.default_rng(1)
    query, gallery = (
        Features(part, rng.integers(0, 6, len(part)), rng.integers(0, 3, len(part)))
        for part in (rows[:40], rows[40:])
    )
    found = evaluate_features(query, gallery, protocol=protocol, refiners=[KReciprocal(k1=6, k2=2)])
    if get_protocol(protocol).queries_in_gallery:
        gallery = gallery.concat(query)
    matrix = k_reciprocal_rerank(query.embeddings, gallery.embeddings, 6, 2)
    ids = query.pids, gallery.pids, query.camids, gallery.camids
    expected = evaluate_distances(matrix, *ids, protocol=protocol)
    for name in ("average_precision", "first_match", "top_indices", "cmc"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_numpy_and_half_precision_features_are_taken():
    rows = clustered(40)
    whole = k_reciprocal_rerank(rows[:10], rows[10:])
    assert torch.equal(k_reciprocal_rerank(rows[:10].numpy(), rows[10:].numpy()), whole)
    half = rows.half()
    assert torch.equal(
        k_reciprocal_rerank(half[:10], half[10:]), k_reciprocal_rerank(half[:10].float(), half[10:].float())
    )


def test_inputs_are_left_as_they_were():
    rows = clustered(40)
    kept = rows.clone()
    k_reciprocal_rerank(rows[:10], rows[10:])
    k_reciprocal_rerank(rows[:10], rows[10:], metric="squared_euclidean")
    full = pairwise_distance(rows, rows).clamp(min=0)
    full_kept = full.clone()
    k_reciprocal_rerank_distances(full[:10, 10:], full[:10, :10], full[10:, 10:])
    assert torch.equal(rows, kept)
    assert torch.equal(full, full_kept)


def test_more_neighbours_than_rows_is_said(caplog):
    rows = clustered(10)
    with caplog.at_level("WARNING", logger="videoreid"):
        k_reciprocal_rerank(rows[:3], rows[3:], k1=10)
    assert "every row is a neighbour" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"k1": 0},
        {"k1": 2.5},
        {"k2": 0},
        {"k2": True},
        {"lambda_value": 1.5},
        {"lambda_value": float("nan")},
        {"exponent": 0.0},
        {"metric": "manhattan"},
        {"chunk_size": 0},
    ],
)
def test_bad_settings(options):
    rows = clustered(10)
    with pytest.raises(ConfigError, match=next(iter(options))):
        k_reciprocal_rerank(rows[:3], rows[3:], **options)


def test_bad_features():
    rows = clustered(10)
    with pytest.raises(ConfigError, match=r"\(3, 16\) and \(7, 8\)"):
        k_reciprocal_rerank(rows[:3], rows[3:, :8])
    with pytest.raises(ConfigError, match=r"float32.*float64"):
        k_reciprocal_rerank(rows[:3], rows[3:].double())
    with pytest.raises(ConfigError, match="floating type"):
        k_reciprocal_rerank(rows[:3].long(), rows[3:].long())
    for query, gallery in ((rows[:0], rows), (rows, rows[:0])):
        with pytest.raises(ProtocolError, match="nothing to re-rank"):
            k_reciprocal_rerank(query, gallery)
    for value in (torch.nan, torch.inf, -torch.inf):
        bad = rows.clone()
        bad[5, 2] = value
        with pytest.raises(ProtocolError, match=r"gallery features of 1 rows .* \[2\]"):
            k_reciprocal_rerank(bad[:3], bad[3:])


def test_bad_distances():
    full = pairwise_distance(clustered(10), clustered(10)).clamp(min=0)
    parts = full[:3, 3:], full[:3, :3], full[3:, 3:]
    with pytest.raises(ConfigError, match=r"q_q \(Q, Q\)"):
        k_reciprocal_rerank_distances(parts[0], parts[2], parts[1])
    with pytest.raises(ConfigError, match="float64"):
        k_reciprocal_rerank_distances(parts[0].double(), *parts[1:])
    with pytest.raises(ProtocolError, match="nothing to re-rank"):
        k_reciprocal_rerank_distances(full[:0], full[:0, :0], full)
    with pytest.raises(ProtocolError, match=r"g_g is negative in 7 rows"):
        k_reciprocal_rerank_distances(parts[0], parts[1], parts[2] - 1)
    bad = parts[0].clone()
    bad[1, 1] = torch.nan
    with pytest.raises(ProtocolError, match=r"q_g has NaN or infinite values in 1 rows, the first \[1\]"):
        k_reciprocal_rerank_distances(bad, *parts[1:])


@pytest.mark.gpu
@pytest.mark.parametrize("metric", ["cosine", "squared_euclidean"])
def test_device_changes_nothing(metric):
    rows = clustered(3000, width=64, per_cluster=25)
    expected = k_reciprocal_rerank(rows[:300].double(), rows[300:].double(), metric=metric)
    found = k_reciprocal_rerank(rows[:300].double().cuda(), rows[300:].double().cuda(), metric=metric)
    torch.testing.assert_close(found.cpu(), expected, rtol=0, atol=1e-6)


def test_powers_beyond_float32_are_refused():
    features = 1e12 * torch.eye(6)
    with pytest.raises(
        ProtocolError, match=r"distances of up to 2e\+24, raised to the power 2, leave the range"
    ):
        k_reciprocal_rerank(features[:2], features, k1=3, k2=2, metric="squared_euclidean")
    assert k_reciprocal_rerank(features[:2], features, k1=3, k2=2, metric="euclidean").isfinite().all()


@pytest.mark.parametrize("scale", [1e-11, 1e-13])
def test_powers_that_round_to_zero_are_refused(scale):
    """Squares of squares below 1e-38: division by them gives NaN, or all neighbours the same weight."""
    features = clustered(12, width=8, per_cluster=3)
    with pytest.raises(ProtocolError, match=r"raised to the power 2, leave the range of torch.float32"):
        k_reciprocal_rerank(scale * features[:2], scale * features, k1=3, k2=2, metric="squared_euclidean")
    expected = k_reciprocal_rerank(features[:2], features, k1=3, k2=2, metric="squared_euclidean")
    found = k_reciprocal_rerank(1e-9 * features[:2], 1e-9 * features, k1=3, k2=2, metric="squared_euclidean")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    same = torch.ones(6, 4)  # all distances 0: nothing to raise
    assert k_reciprocal_rerank(same[:2], same, k1=3, k2=2).isfinite().all()


def test_half_features_are_reranked_in_float32():
    generator = torch.Generator().manual_seed(0)
    half = (200 * torch.randn(12, 64, generator=generator)).half()
    for metric in ("cosine", "euclidean", "squared_euclidean"):
        found = k_reciprocal_rerank(half[:4], half[4:], k1=4, k2=2, metric=metric)
        expected = k_reciprocal_rerank(half[:4].float(), half[4:].float(), k1=4, k2=2, metric=metric)
        assert torch.equal(found, expected) and found.isfinite().all()
