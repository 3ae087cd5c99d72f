import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError, ProtocolError
from videoreid.functional import cosine_distance
from videoreid.metrics import ensemble_distances, ensemble_features
from videoreid.types import Features


def features_of(seed, width, count=9):
    values = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return Features(values, np.arange(count), np.zeros(count, int))


def test_distances_by_hand():
    a, b = torch.tensor([[0.0, 2.0]]), torch.tensor([[10.0, 30.0]])
    assert ensemble_distances([a, b]).tolist() == [[5, 16]]
    assert ensemble_distances([a, b], weights=[3, 1]).tolist() == [[2.5, 9]]
    assert ensemble_distances([a, b], normalise="range").tolist() == [[0, 1]]
    assert ensemble_distances([a, b], normalise="mean").tolist() == [[0.25, 1.75]]
    assert a.tolist() == [[0, 2]]


def test_features_carry_the_mean_of_the_cosine_distances():
    query, gallery = [features_of(0, 4), features_of(1, 7)], [features_of(2, 4), features_of(3, 7)]
    distances = [cosine_distance(q.embeddings, g.embeddings) for q, g in zip(query, gallery, strict=True)]
    expected = ensemble_distances(distances, weights=[1, 3])
    joined = [ensemble_features(side, weights=[1, 3]) for side in (query, gallery)]
    torch.testing.assert_close(cosine_distance(joined[0].embeddings, joined[1].embeddings), expected)


def test_bad_input():
    with pytest.raises(ConfigError, match="one model or more"):
        ensemble_distances([])
    with pytest.raises(ConfigError, match="none negative"):
        ensemble_distances([torch.ones(1, 1)] * 2, weights=[1, -1])
    with pytest.raises(ConfigError, match="give one each"):
        ensemble_features([features_of(0, 3)], weights=[1, 2])
    with pytest.raises(ConfigError, match="unknown normalisation"):
        ensemble_distances([torch.ones(1, 1)], normalise="rank")
    with pytest.raises(ProtocolError, match="same queries and gallery"):
        ensemble_distances([torch.ones(1, 1), torch.ones(1, 2)])
    with pytest.raises(ProtocolError, match="features 1 and 2 are not of the same tracklets"):
        ensemble_features([features_of(0, 3), features_of(0, 3, count=8)])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_no_value_passes_that_is_not_finite(bad):
    one, two = torch.ones(2, 2), torch.ones(2, 2)
    two[0, 1] = bad
    for normalise in ("none", "range", "mean"):
        with pytest.raises(ProtocolError, match="NaN or infinite"):
            ensemble_distances([one, two], normalise=normalise)
    with pytest.raises(ConfigError, match="finite, none negative"):
        ensemble_distances([one, one], weights=[1, bad])
    with pytest.raises(ConfigError, match="finite, none negative"):
        ensemble_features([features_of(0, 3)] * 2, weights=[bad, 1])


def test_values_that_cannot_be_scaled_are_refused():
    with pytest.raises(ProtocolError, match="mean -1 cannot be divided"):
        ensemble_distances([-torch.ones(1, 2)], normalise="mean")
    long = Features(torch.tensor([[3e19, 4e19]]), np.zeros(1, int), np.zeros(1, int))
    with pytest.raises(ProtocolError, match=r"length 5e\+19"):  # float32 would make it the zero vector
        ensemble_features([long])


@pytest.mark.parametrize("normalise", ["none", "range", "mean"])
def test_half_and_numpy_matrices(normalise):
    constant, other = np.full((2, 3), 60000, np.float16), np.arange(6, dtype=np.float16).reshape(2, 3)
    expected = ensemble_distances(
        [torch.from_numpy(m).double() for m in (constant, other)], normalise=normalise
    )
    found = ensemble_distances([constant, other], normalise=normalise)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
