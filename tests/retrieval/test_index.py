import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError, DatasetError, ProtocolError
from videoreid.functional import pairwise_distance
from videoreid.retrieval import GalleryIndex
from videoreid.retrieval import index as index_module
from videoreid.types import Features


def features_of(count, seed=0, width=4):
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(count, width)).astype(np.float32))
    return Features(values, rng.integers(0, 9, count), rng.integers(0, 3, count))


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "squared_euclidean"])
def test_equals_sorting(distance, monkeypatch):
    monkeypatch.setattr(index_module, "_BLOCK_ELEMENTS", 100)
    gallery, query = features_of(30), features_of(7, seed=1)
    index = GalleryIndex(4, distance=distance)
    assert index.add(gallery.select(range(10))).tolist() == list(range(10))
    index.add(gallery.select(range(10, 30)))
    matrix = pairwise_distance(query.embeddings, gallery.embeddings, distance).numpy()
    order = np.argsort(matrix, axis=1, kind="stable")[:, :6]
    result = index.search(query.embeddings, k=6)
    np.testing.assert_array_equal(result.keys, order)
    np.testing.assert_allclose(result.distances, np.take_along_axis(matrix, order, 1), atol=1e-6)
    np.testing.assert_array_equal(result.pids, gallery.pids[order])
    np.testing.assert_array_equal(result.camids, gallery.camids[order])


def test_keys_survive_removal():
    index = GalleryIndex(2)
    gallery = Features(torch.tensor([[1.0, 0], [1, 1], [0, 1]]), np.arange(3), np.zeros(3, int))
    index.add(gallery)
    index.remove(np.array([0]))
    assert index.keys.tolist() == [1, 2]
    assert index.search(torch.tensor([[1.0, 0]]), k=1).keys.tolist() == [[1]]
    assert index.add(gallery.select([0])).tolist() == [3]
    with pytest.raises(ProtocolError, match=r"keys \[0\] are not in the index"):
        index.remove(np.array([0, 1]))
    assert len(index) == 3


def test_ties_stand_in_order_and_short_answers_are_padded():
    index = GalleryIndex(2)
    index.add(Features(torch.ones(3, 2), np.array([5, 6, 7]), np.array([0, 1, 0])))
    result = index.search(torch.ones(1, 2), k=5)
    assert result.keys.tolist() == [[0, 1, 2, -1, -1]]
    assert np.isnan(result.distances[0, 3:]).all()
    assert index.search(torch.ones(1, 2), k=2).keys.tolist() == [[0, 1]]
    other = index.search(torch.ones(1, 2), k=2, not_in_camera=np.array([0]))
    assert other.pids.tolist() == [[6, -1]]
    assert GalleryIndex(2).search(torch.ones(2, 2), k=1).keys.tolist() == [[-1], [-1]]


def test_saved_index_answers_the_same(tmp_path):
    index = GalleryIndex(4, distance="euclidean")
    index.add(features_of(20))
    index.remove(np.array([3, 4]))
    index.save(tmp_path / "gallery.npz")
    loaded = GalleryIndex.load(tmp_path / "gallery.npz")
    query = features_of(5, seed=2).embeddings
    for before, after in zip(index.search(query), loaded.search(query), strict=True):
        np.testing.assert_array_equal(before, after)
    assert loaded.add(features_of(1)).tolist() == [20]
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="no readable gallery index"):
        GalleryIndex.load(tmp_path / "bad.npz")


def test_bad_input():
    with pytest.raises(ConfigError, match="width 0"):
        GalleryIndex(0)
    with pytest.raises(ConfigError, match="manhattan"):
        GalleryIndex(2, distance="manhattan")
    index = GalleryIndex(4)
    with pytest.raises(ProtocolError, match=r"expected embeddings \(N, 4\)"):
        index.add(features_of(2, width=3))
    with pytest.raises(ConfigError, match="k is 0"):
        index.search(torch.ones(1, 4), k=0)
    with pytest.raises(ProtocolError, match="1 queries but cameras"):
        index.search(torch.ones(1, 4), not_in_camera=np.zeros(2, int))
