from pathlib import Path

import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import compute_distance_matrix, evaluate_rank

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "numeric" / "ranking.npz"


@pytest.mark.skipif(not REFERENCE.exists(), reason="../shared/reference is not here")
def test_equals_the_recorded_figures():
    data = np.load(REFERENCE)
    query, gallery = torch.from_numpy(data["q_features"]), torch.from_numpy(data["g_features"])
    cosine = compute_distance_matrix(query, gallery, "cosine")
    np.testing.assert_allclose(cosine, data["cosine"], atol=1e-6)
    np.testing.assert_allclose(compute_distance_matrix(query, gallery), data["squared_euclidean"], rtol=1e-5)
    ids = [data[key] for key in ("q_pids", "g_pids", "q_camids", "g_camids")]
    cmc, mean_ap = evaluate_rank(data["cosine"], *ids)
    np.testing.assert_allclose(cmc, data["cmc_all"], atol=1e-6)
    assert mean_ap == pytest.approx(float(data["mAP_all"]), abs=1e-6)


def test_euclidean_is_squared():
    assert compute_distance_matrix(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])).item() == 25.0
    with pytest.raises(ConfigError, match="unknown metric"):
        compute_distance_matrix(torch.zeros(1, 2), torch.zeros(1, 2), "manhattan")


def test_lists_tensors_and_short_galleries():
    cmc, mean_ap = evaluate_rank(
        torch.tensor([[0.2, 0.1]]), torch.tensor([1]), [1, 2], [0], [1, 1], max_rank=4
    )
    assert cmc.tolist() == [0, 1, 1, 1]
    assert mean_ap == 0.5
    single, _ = evaluate_rank(
        np.array([[0.2, 0.1]]), [1], [1, 2], [0], [1, 1], max_rank=3, use_metric_cuhk03=True
    )
    assert single.tolist() == [0, 1, 1]
    with pytest.raises(ProtocolError, match="no query has a true match"):
        evaluate_rank(np.ones((1, 1)), [1], [1], [0], [0])


def test_cuhk03_draws_for_the_cmc_alone():
    """By torchreid's rule AP is over all kept rows: matches at ranks 2 and 4 give (1/2 + 2/4) / 2."""
    distances, gallery = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32), np.array([2, 1, 3, 1])
    ids = np.array([1]), gallery, np.array([0]), np.ones(4, int)
    assert evaluate_rank(distances, *ids, use_metric_cuhk03=True)[1] == 0.5
    rng = np.random.default_rng(0)
    distances = rng.random((50, 300))
    ids = rng.integers(0, 20, 50), rng.integers(0, 20, 300), rng.integers(0, 2, 50), rng.integers(0, 2, 300)
    cmc, mean_ap = evaluate_rank(distances, *ids, use_metric_cuhk03=True)
    assert mean_ap == pytest.approx(0.0444, abs=5e-5)
    plain, same = evaluate_rank(distances, *ids)
    assert mean_ap == same
    assert cmc[0] != plain[0]


def test_ids_that_are_no_integers():
    distances = np.ones((1, 2))
    for names in (["a", "b"], np.array(["a", "b"]), np.array(["a", "b"], object), np.array([1.0, 2.0])):
        with pytest.raises(ProtocolError, match="g_pids must be integers"):
            evaluate_rank(distances, [1], names, [0], [1, 1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_features_do_not_overflow(dtype):
    rows = torch.full((2, 64), 200.0, dtype=dtype)  # squares of length 2,560,000
    distances = compute_distance_matrix(rows, -rows)
    assert distances.tolist() == [[64 * 400.0**2] * 2] * 2
