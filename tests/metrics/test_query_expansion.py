import numpy as np
import pytest
import torch
from torch.nn import functional as F

from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import augment_database, evaluate_features, expand_queries, query_expansion
from videoreid.types import Features


def clustered(seed=0, people=20, width=16, noise=1.2):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, width))
    sets = []
    for camera, count in ((0, 40), (1, 200)):
        pids = rng.integers(0, people, count)
        values = centres[pids] + noise * rng.normal(size=(count, width))
        sets.append(Features(torch.from_numpy(values.astype(np.float32)), pids, np.full(count, camera)))
    return sets


@pytest.mark.parametrize(("k", "alpha"), [(0, 0.0), (1, 0.0), (5, 3.0), (200, 1.5)])
def test_equals_the_plain_loop(k, alpha, monkeypatch):
    query, gallery = clustered()
    monkeypatch.setattr(query_expansion, "_BLOCK_ELEMENTS", 7 * 200)
    q, g = F.normalize(query.embeddings.double(), dim=1), F.normalize(gallery.embeddings.double(), dim=1)
    expected = []
    for row in q:
        similarity = g @ row
        nearest = similarity.argsort(descending=True)[:k]
        weights = similarity[nearest].clamp_min(0) ** alpha
        expected.append(F.normalize(row + (g[nearest] * weights[:, None]).sum(0), dim=0))
    expanded = expand_queries(query, gallery, k=k, alpha=alpha)
    torch.testing.assert_close(expanded.embeddings, torch.stack(expected).float(), atol=1e-5, rtol=0)
    np.testing.assert_array_equal(expanded.pids, query.pids)


def test_database_rows_do_not_count_themselves_twice():
    gallery = Features(torch.tensor([[1.0, 0], [0.8, 0.6], [0, 1]]), np.arange(3), np.zeros(3, int))
    augmented = augment_database(gallery, k=1)
    torch.testing.assert_close(augmented.embeddings[0], F.normalize(torch.tensor([1.8, 0.6]), dim=0))


def test_expansion_pays_on_clusters():
    query, gallery = clustered()
    plain = evaluate_features(query, gallery).mean_average_precision
    assert evaluate_features(expand_queries(query, gallery, k=3), gallery).mean_average_precision > plain
    assert evaluate_features(query, augment_database(gallery, k=3)).mean_average_precision > plain


def test_bad_input():
    query, gallery = clustered()
    with pytest.raises(ConfigError, match="k is 201, but there are 200 gallery rows"):
        expand_queries(query, gallery, k=201)
    with pytest.raises(ConfigError, match="k is 200, but there are 199 other"):
        augment_database(gallery, k=200)
    for alpha in (-1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=f"alpha is {alpha}"):
            expand_queries(query, gallery, alpha=alpha)
    large = Features(torch.tensor([[3e19, 4e19], [1, 0]]), np.arange(2), np.zeros(2, int))
    for expand in (lambda: expand_queries(large, large, k=1), lambda: augment_database(large, k=1)):
        with pytest.raises(ProtocolError, match=r"length 5e\+19"):  # float32 would make it the zero vector
            expand()
