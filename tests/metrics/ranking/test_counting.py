import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.conftest import exact_distances, score
from videoreid.distances import FeatureSource, MatrixSource
from videoreid.metrics.ranking import counting
from videoreid.metrics.ranking.counting import ranks_of_matches
from videoreid.metrics.ranking.pairs import same_person_pairs
from videoreid.types import EvaluationProtocol


def make_case(seed, queries=11, gallery=40, width=6, levels=None, spread=1.0):
    rng = np.random.default_rng(seed)
    values = (
        rng.integers(0, levels, (queries + gallery, width))
        if levels
        else rng.normal(size=(queries + gallery, width))
    )
    values = (values * spread + (1 - spread)).astype(np.float32)
    pids, camids = rng.integers(-1, 5, queries + gallery), rng.integers(0, 3, queries + gallery)
    ids = pids[:queries], pids[queries:], camids[:queries], camids[queries:]
    features = torch.from_numpy(values[:queries]), torch.from_numpy(values[queries:])
    return features, ids, same_person_pairs(*ids, EvaluationProtocol("test"))


def expected_ranks(matrix, ids):
    return [rank for row in score(matrix, *ids) for rank in row[3]]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    levels=st.sampled_from([None, 2, 4]),
    elements=st.integers(1, 500),
    on_device=st.booleans(),
    distance=st.sampled_from(["cosine", "euclidean", "squared_euclidean"]),
)
def test_block_size_and_device_path_change_nothing(seed, levels, elements, on_device, distance):
    features, ids, pairs = make_case(seed, levels=levels)
    scores = FeatureSource(*features, distance)
    with pytest.MonkeyPatch.context() as patch:
        if on_device:
            patch.setattr(counting, "_count_on_cpu", counting._count_on_device)
        ranks = ranks_of_matches(scores, pairs, block_elements=elements)
    assert ranks.tolist() == expected_ranks(exact_distances(*features, distance), ids)


@pytest.mark.parametrize("spread", [1e-3, 1e-5, 1e-6, 0.0])
@pytest.mark.parametrize("distance", ["cosine", "squared_euclidean"])
@pytest.mark.parametrize("on_device", [False, True])
def test_collapsed_features_are_settled_in_float64(spread, distance, on_device, monkeypatch):
    if on_device:
        monkeypatch.setattr(counting, "_count_on_cpu", counting._count_on_device)
    features, ids, pairs = make_case(3, queries=20, gallery=300, width=64, spread=spread)
    ranks = ranks_of_matches(FeatureSource(*features, distance), pairs)
    assert ranks.tolist() == expected_ranks(exact_distances(*features, distance), ids)


def test_crowded_rows_take_the_dense_way():
    features, _ids, pairs = make_case(3, queries=20, gallery=300, width=64, spread=1e-6)
    scores = FeatureSource(*features, "cosine")
    seen = []
    exact_rows = scores.exact_rows
    scores.exact_rows = lambda rows: seen.extend(rows.tolist()) or exact_rows(rows)
    ranks_of_matches(scores, pairs, block_elements=600)
    assert seen == sorted({int(q) for q in pairs.queries[pairs.is_match]})


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), on_device=st.booleans(), levels=st.integers(1, 6))
def test_given_matrix_with_ties(seed, on_device, levels):
    _, ids, pairs = make_case(seed)
    matrix = np.random.default_rng(seed).integers(0, levels, (11, 40)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        if on_device:
            patch.setattr(counting, "_count_exact", counting._count_exact_on_device)
        ranks = ranks_of_matches(MatrixSource(torch.from_numpy(matrix)), pairs)
    assert ranks.tolist() == expected_ranks(matrix, ids)


def test_duplicates_are_ties_wherever_they_stand():
    """A float32 product may give equal rows unequal distances; the rank may not show it."""
    generator = torch.Generator().manual_seed(0)
    base = torch.rand(50, 257, generator=generator)
    gallery = base.repeat(9, 1)[torch.randperm(450, generator=generator)]
    query = torch.rand(30, 257, generator=generator)
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 5, 30), rng.integers(0, 5, 450), np.zeros(30, int), np.ones(450, int)
    pairs = same_person_pairs(*ids, EvaluationProtocol("test"))
    ranks = ranks_of_matches(FeatureSource(query, gallery, "cosine"), pairs, block_elements=3000)
    assert ranks.tolist() == expected_ranks(exact_distances(query, gallery), ids)


def test_matrix_is_left_as_it_was():
    _, _, pairs = make_case(1)
    matrix = torch.rand(11, 40, generator=torch.Generator().manual_seed(0))
    before = matrix.clone()
    assert len(pairs.excluded) > 0
    ranks_of_matches(MatrixSource(matrix), pairs)
    assert torch.equal(matrix, before)


def test_tolerance_covers_the_float32_error():
    for width in (8, 128, 1024):
        generator = torch.Generator().manual_seed(width)
        query, gallery = (torch.rand(n, width, generator=generator) for n in (40, 200))
        for distance in ("cosine", "squared_euclidean"):
            scores = FeatureSource(query, gallery, distance)
            block = scores.block(slice(None), slice(None)).double().numpy()
            pairs = np.repeat(np.arange(40), 200), np.tile(np.arange(200), 40)
            error = np.abs(block.ravel() - scores.positions(*pairs)).reshape(40, 200).max(axis=1)
            assert (error <= scores.tolerance(slice(None))).all()


def test_autocast_does_not_reach_the_product():
    features, ids, pairs = make_case(2, width=64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ranks = ranks_of_matches(FeatureSource(*features, "cosine"), pairs)
    assert ranks.tolist() == expected_ranks(exact_distances(*features), ids)


@pytest.mark.gpu
def test_gpu_ranks_equal_cpu_ranks():
    features, _ids, pairs = make_case(5, queries=200, gallery=3000, width=256)
    moved = [part.cuda() for part in features]
    for distance in ("cosine", "euclidean"):
        cpu = ranks_of_matches(FeatureSource(*features, distance), pairs)
        gpu = ranks_of_matches(FeatureSource(*moved, distance), pairs)
        np.testing.assert_array_equal(cpu, gpu)
