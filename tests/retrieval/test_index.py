from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tests.metrics.conftest import exact_distances
from videoreid.errors import ConfigError, DatasetError, ProtocolError
from videoreid.functional import pairwise_distance
from videoreid.retrieval import GalleryIndex, index_search
from videoreid.types import Features


def features_of(count, seed=0, width=4):
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(count, width)).astype(np.float32))
    return Features(values, rng.integers(0, 9, count), rng.integers(0, 3, count))


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "squared_euclidean"])
def test_equals_sorting(distance, monkeypatch):
    monkeypatch.setattr(index_search, "_BLOCK_ELEMENTS", 100)
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


def test_rows_that_count_as_zero_can_be_saved(tmp_path):
    """A row shorter than 1e-12 has cosine 0, as in evaluation; at another length the file could not be read."""
    index = GalleryIndex(2)
    rows = torch.tensor([[1e-14, 0], [0, 0], [1, 0]])
    index.add(Features(rows, np.arange(3), np.zeros(3, int)))
    index.save(tmp_path / "gallery.npz")
    for held in (index, GalleryIndex.load(tmp_path / "gallery.npz")):
        found = held.search(torch.tensor([[1.0, 0]]), k=3)
        assert found.pids.tolist() == [[2, 0, 1]]
        np.testing.assert_allclose(found.distances, [[0, 1, 1]])


def test_saved_index_answers_the_same(tmp_path):
    index = GalleryIndex(4, distance="euclidean")
    index.add(features_of(20))
    index.remove(np.array([3, 4]))
    index.save(tmp_path / "gallery.npz")
    loaded = GalleryIndex.load(tmp_path / "gallery.npz")
    query = features_of(5, seed=2).embeddings
    with np.load(tmp_path / "gallery.npz") as data:
        older = {name: data[name] for name in data.files if name not in ("clothes", "kind", "options")}
    np.savez(tmp_path / "older.npz", **{**older, "version": 1})  # as the first version wrote it
    first = GalleryIndex.load(tmp_path / "older.npz")
    assert first.keys.tolist() == loaded.keys.tolist() and first.kind == "exact"
    for before, after in zip(index.search(query), loaded.search(query), strict=True):
        np.testing.assert_array_equal(before, after)
    assert loaded.add(features_of(1)).tolist() == [20]
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"(cannot be read as a|is no) gallery index"):
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


@pytest.mark.parametrize("distance", ["cosine", "squared_euclidean"])
def test_queries_as_arrays(distance):
    index = GalleryIndex(4, distance=distance)
    index.add(features_of(12))
    query = features_of(3, seed=1).embeddings.numpy()
    expected = index.search(torch.from_numpy(query), k=4)
    locked = query.copy()
    locked.flags.writeable = False
    for given in (
        query,
        query.astype(np.float64),
        locked,
        query.astype(">f4"),
        query[::-1][::-1],
        query.tolist(),
    ):
        for found, value in zip(index.search(given, k=4), expected, strict=True):
            np.testing.assert_array_equal(found, value)
    half = index.search(query.astype(np.float16), k=4)
    np.testing.assert_array_equal(half.keys, expected.keys)
    filled = GalleryIndex(4, distance=distance)
    filled.add(Features(features_of(12).embeddings.numpy(), features_of(12).pids, features_of(12).camids))
    np.testing.assert_array_equal(filled.search(query, k=4).keys, expected.keys)


def test_half_embeddings_do_not_overflow():
    index = GalleryIndex(64, distance="squared_euclidean")
    row = torch.full((1, 64), 200.0, dtype=torch.float16)
    index.add(Features(row, np.array([1]), np.array([0])))
    assert index.search(-row, k=1).distances.tolist() == [[64 * 400.0**2]]


def test_what_is_no_query():
    index = GalleryIndex(4)
    index.add(features_of(5))
    for bad in (np.nan, np.inf, 1e20):
        query = np.ones((3, 4))
        query[1, 2] = bad
        with pytest.raises(
            ProtocolError, match=r"embeddings of 1 rows are NaN, infinite, or longer .* \[1\]"
        ):
            index.search(query)
    with pytest.raises(ProtocolError, match="array of numbers, got <U1"):
        index.search(np.array([["a", "b", "c", "d"]]))
    with pytest.raises(ProtocolError, match="not_in_camera must be integers, got <U4"):
        index.search(np.ones((1, 4)), not_in_camera=np.array(["cam0"]))
    with pytest.raises(ProtocolError, match="keys must be integers, got <U1"):
        index.remove(np.array(["a"]))
    with pytest.raises(ProtocolError, match="keys must be integers, got float64"):
        index.remove(np.array([1.7]))
    assert len(index) == 5


def test_ranks_are_those_of_exact_distances():
    """Duplicates, of which a float32 product may make unequal distances, stand in order; others as in float64."""
    generator = torch.Generator().manual_seed(0)
    base = torch.rand(50, 257, generator=generator)
    gallery = base.repeat(9, 1)[torch.randperm(450, generator=generator)]
    query = torch.rand(30, 257, generator=generator)
    for distance in ("cosine", "euclidean"):
        index = GalleryIndex(257, distance=distance)
        index.add(Features(gallery, np.zeros(450, int), np.zeros(450, int)))
        stored = index.features.embeddings
        result = index.search(query, k=40)
        asked = torch.nn.functional.normalize(query, dim=1) if distance == "cosine" else query
        exact = exact_distances(asked, stored, distance)
        order = np.argsort(exact, axis=1, kind="stable")[:, :40]
        np.testing.assert_array_equal(result.keys, order)
        np.testing.assert_allclose(
            result.distances, np.take_along_axis(exact, order, 1), rtol=1e-6, atol=1e-7
        )


def test_threads_that_add_and_remove_lose_nothing():
    index = GalleryIndex(4)
    kept: list[int] = []

    def work(seed: int) -> None:
        for number in range(60):
            keys = index.add(features_of(3, seed=seed * 100 + number))
            index.remove(keys[:1])
            kept.extend(keys[1:].tolist())
            found = index.search(np.ones((1, 4)), k=5)
            assert np.isfinite(found.distances).sum() >= 2

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(index) == len(index.features) == len(kept) == 4 * 60 * 2
    assert sorted(index.keys.tolist()) == sorted(kept)


def test_damaged_and_strange_files_are_refused(tmp_path):
    index = GalleryIndex(4)
    index.add(features_of(20))
    good = tmp_path / "good.npz"
    index.save(good)
    whole = good.read_bytes()
    path = tmp_path / "bad.npz"
    for cut in range(0, len(whole), 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(DatasetError, match=r"(cannot be read as a|is no) gallery index"):
            GalleryIndex.load(path)
    data = dict(np.load(good))
    np.savez(path, **{**data, "options": np.array([["M", print]], object)})
    with pytest.raises(DatasetError, match="gallery index"):  # an object would be unpickled
        GalleryIndex.load(path)
    for change in (
        {"keys": data["keys"][:-1]},
        {"keys": np.zeros(20, int)},
        {"keys": np.array(["a"] * 20)},
        {"next_key": 3},
        {"next_key": -5},
        {"embeddings": data["embeddings"].astype(np.float64)},
        {"embeddings": 2 * data["embeddings"]},
        {"distance": "manhattan"},
        {"pids": data["pids"].astype(float)},
        {"kind": "pickle"},
        {"options": np.array([["M", "99999999"]])},
        {"options": np.array(["M", "3", "x"])},
        {"clothes": np.zeros(3, int)},
    ):
        np.savez(path, **{**data, **change})
        with pytest.raises(DatasetError, match=r"(cannot be read as a|is no) gallery index"):
            GalleryIndex.load(path)
    np.savez(path, **{**data, "version": 9})
    with pytest.raises(DatasetError, match="is of version 9, this library reads up to 2"):
        GalleryIndex.load(path)
