import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.conftest import exact_distances
from videoreid.distances import FeatureSource, MatrixSource
from videoreid.metrics.ranking.counting import BLOCK_ELEMENTS, ranks_of_matches
from videoreid.metrics.ranking.pairs import same_person_pairs
from videoreid.metrics.ranking.top_k import TopRows
from videoreid.types import EvaluationProtocol


def expected_rows(matrix, pairs, top_k):
    gallery = matrix.shape[1]
    result = np.full((len(matrix), min(top_k, gallery)), -1)
    for query, row in enumerate(matrix):
        junk = set(pairs.rows[(pairs.queries == query) & ~pairs.is_match]) | set(pairs.excluded)
        kept = [g for g in np.argsort(row, kind="stable") if g not in junk][:top_k]
        result[query, : len(kept)] = kept
    return result


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    levels=st.sampled_from([None, 1, 2, 4]),
    elements=st.integers(1, 400),
    top_k=st.integers(1, 50),
    distance=st.sampled_from(["cosine", "euclidean", "given"]),
)
def test_equals_sorting_whole_rows(seed, levels, elements, top_k, distance):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, levels, (41, 4)) if levels else rng.normal(size=(41, 4))
    query, gallery = torch.from_numpy(values.astype(np.float32)).split([9, 32])
    ids = rng.integers(0, 4, 9), rng.integers(-1, 4, 32), rng.integers(0, 2, 9), rng.integers(0, 2, 32)
    pairs = same_person_pairs(*ids, EvaluationProtocol("test"))
    matrix = exact_distances(query, gallery, "cosine" if distance == "given" else distance)
    scores = (
        MatrixSource(torch.from_numpy(matrix))
        if distance == "given"
        else FeatureSource(query, gallery, distance)
    )
    top = TopRows(scores, pairs, top_k)
    ranks_of_matches(scores, pairs, watch=top.see, block_elements=elements)
    rows = expected_rows(matrix, pairs, top_k)
    np.testing.assert_array_equal(top.indices, rows)
    shown = rows >= 0
    expected = np.take_along_axis(matrix, np.maximum(rows, 0), axis=1)
    np.testing.assert_allclose(top.distances[shown], expected[shown], rtol=1e-6, atol=1e-6)
    assert np.isnan(top.distances[~shown]).all()


@pytest.mark.parametrize("elements", [BLOCK_ELEMENTS, 2])  # 2: blocks of two queries
@pytest.mark.parametrize("levels", [1, 3])
def test_crowded_rows_are_sorted_whole(levels, elements):
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.integers(0, levels, (1005, 2)).astype(np.float32)) + 1
    query, gallery = values.split([5, 1000])
    ids = rng.integers(0, 4, 5), rng.integers(-1, 4, 1000), rng.integers(0, 2, 5), rng.integers(0, 2, 1000)
    pairs = same_person_pairs(*ids, EvaluationProtocol("test"))
    scores = FeatureSource(query, gallery, "cosine")
    top = TopRows(scores, pairs, 3)
    ranks_of_matches(scores, pairs, watch=top.see, block_elements=elements)
    np.testing.assert_array_equal(top.indices, expected_rows(exact_distances(query, gallery), pairs, 3))


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_well_separated_distances_need_no_second_look(distance, monkeypatch):
    rng = np.random.default_rng(0)
    query, gallery = torch.from_numpy(rng.normal(size=(1005, 64)).astype(np.float32)).split([5, 1000])
    ids = np.arange(5), np.full(1000, 9), np.zeros(5, dtype=int), np.ones(1000, dtype=int)
    pairs = same_person_pairs(*ids, EvaluationProtocol("test"))
    scores = FeatureSource(query, gallery, distance)
    top = TopRows(scores, pairs, 3)

    again, positions = [], scores.positions
    monkeypatch.setattr(
        scores, "positions", lambda rows, columns: again.extend(rows) or positions(rows, columns)
    )
    monkeypatch.setattr(TopRows, "_from_whole_row", lambda self, query: again.append(query))
    top.see(slice(0, 5), slice(0, 1000), scores.block(slice(0, 5), slice(0, 1000)))
    assert again == []
    np.testing.assert_array_equal(
        top.indices, expected_rows(exact_distances(query, gallery, distance), pairs, 3)
    )


def test_a_short_distance_between_long_vectors_is_exact():
    rng = np.random.default_rng(0)
    query = torch.from_numpy(10 * rng.normal(size=(1, 64)).astype(np.float32))
    near = query + torch.from_numpy(0.01 * rng.normal(size=(1, 64)).astype(np.float32))
    far = torch.from_numpy(10 * rng.normal(size=(5, 64)).astype(np.float32))
    ids = np.zeros(1, dtype=int), np.ones(6, dtype=int), np.zeros(1, dtype=int), np.ones(6, dtype=int)
    scores = FeatureSource(query, torch.cat([far, near]), "euclidean")
    top = TopRows(scores, same_person_pairs(*ids, EvaluationProtocol("test")), 2)
    top.see(slice(0, 1), slice(0, 6), scores.block(slice(0, 1), slice(0, 6)))
    assert top.indices[0, 0] == 5
    assert top.distances[0, 0] == pytest.approx(torch.cdist(query.double(), near.double()).item(), rel=1e-6)


def test_the_largest_finite_distance_is_a_distance():
    largest = torch.finfo(torch.float32).max
    scores = MatrixSource(torch.tensor([[0.5, largest, 0.25]]))
    ids = np.zeros(1, dtype=int), np.ones(3, dtype=int), np.zeros(1, dtype=int), np.ones(3, dtype=int)
    pairs = same_person_pairs(*ids, EvaluationProtocol("test"))
    top = TopRows(scores, pairs, 3)
    ranks_of_matches(scores, pairs, watch=top.see)
    assert top.indices.tolist() == [[2, 0, 1]]
    assert top.distances[0, 2] == np.float32(largest)
