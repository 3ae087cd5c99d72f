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
