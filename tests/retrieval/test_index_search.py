"""Searches that are narrowed, by every kind of index, against sorting."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError, DatasetError
from videoreid.retrieval import GalleryIndex, index_faiss, index_search
from videoreid.types import Features


def features_of(count: int, seed: int = 0, width: int = 4) -> Features:
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(count, width)).astype(np.float32))
    times = np.where(rng.random(count) < 0.1, np.nan, rng.uniform(0, 100, count))
    return Features(values, np.arange(count), rng.integers(0, 5, count), times, times + 2)


def sorted_keys(gallery: Features, query: torch.Tensor, k: int, wanted: np.ndarray) -> list[list[int]]:
    """Sort by float64 cosines; ``wanted`` is (Q, G)."""
    unit = torch.nn.functional.normalize(gallery.embeddings.double(), dim=1)
    distance = 1 - (torch.nn.functional.normalize(query.double(), dim=1) @ unit.t()).numpy()
    distance[~wanted] = np.inf
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    found = np.where(np.isinf(np.take_along_axis(distance, order, 1)), -1, order)
    return found.tolist()


@pytest.mark.parametrize("block", [60, 8 << 20])
def test_filters_hold_within_the_search(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_search, "_BLOCK_ELEMENTS", block)
    monkeypatch.setattr(index_search, "_MOST_QUERIES", 3)
    gallery, query = features_of(300), features_of(7, seed=1)
    index = GalleryIndex(4)
    index.add(gallery)
    index.remove(np.arange(0, 300, 3))
    alive = np.arange(300) % 3 > 0
    for cameras in (None, [0, 3], [4], [99]):
        for since, until in ((None, None), (30.0, None), (None, 50.0), (30.0, 50.0), (99.5, 99.6)):
            for others in (None, query.camids):
                wanted = alive if cameras is None else alive & np.isin(gallery.camids, cameras)
                if since is not None:
                    wanted = wanted & (gallery.end_times >= since)
                if until is not None:
                    wanted = wanted & (gallery.times <= until)
                per_query = np.tile(wanted, (7, 1))
                if others is not None:
                    per_query &= others[:, None] != gallery.camids
                found = index.search(
                    query.embeddings, k=9, cameras=cameras, since=since, until=until, not_in_camera=others
                )
                assert found.keys.tolist() == sorted_keys(gallery, query.embeddings, 9, per_query)
                assert (np.isnan(found.distances) == (found.keys < 0)).all()


def test_times_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="is NaN"):
        GalleryIndex(4).search(np.ones((1, 4)), since=float("nan"))


def test_many_equal_rows_stand_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_search, "_BLOCK_ELEMENTS", 50)
    index = GalleryIndex(3, distance="euclidean")
    index.add(Features(torch.ones(500, 3), np.arange(500), np.zeros(500, int)))
    index.add(Features(torch.full((2, 3), 0.99), np.arange(2), np.zeros(2, int)))
    found = index.search(torch.full((2, 3), 0.99), k=4)
    assert found.keys.tolist() == [[500, 501, 0, 1]] * 2
    assert found.distances[:, :2].tolist() == [[0, 0]] * 2


def test_float16_storage_finds_what_float32_finds() -> None:
    gallery, query = features_of(3000, width=64), features_of(50, seed=1, width=64)
    exact, half = GalleryIndex(64), GalleryIndex(64, dtype="float16")
    for index in (exact, half):
        index.add(gallery)
    one, other = exact.search(query.embeddings), half.search(query.embeddings)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(one.keys, other.keys, strict=True)])
    assert recall > 0.98
    np.testing.assert_allclose(one.distances, other.distances, atol=5e-4)
    assert half.features.embeddings.dtype == torch.float32


class TestFaiss:
    @pytest.fixture(autouse=True)
    def _needs_faiss(self) -> None:
        pytest.importorskip("faiss", reason="the extra [faiss] is not installed")

    def filled(
        self, kind: str, monkeypatch: pytest.MonkeyPatch, **words: str
    ) -> tuple[GalleryIndex, Features]:
        monkeypatch.setattr(index_faiss, "_FEW", 100)
        rng = np.random.default_rng(0)
        people = rng.normal(size=(60, 16))
        values = np.repeat(people, 20, axis=0) + 0.3 * rng.normal(size=(1200, 16))
        times = np.arange(1200.0)
        gallery = Features(values.astype(np.float32), np.arange(1200), rng.integers(0, 4, 1200), times, times)
        options = {} if kind == "hnsw" else {"nlist": 16, "nprobe": 8}
        options |= {"m": 4, "nbits": 4} if kind == "ivfpq" else {}
        index = GalleryIndex(16, kind, options=options, **words)
        index.add(gallery)
        return index, gallery

    @pytest.mark.parametrize("distance", ["cosine", "euclidean"])
    @pytest.mark.parametrize("kind", ["hnsw", "ivf", "ivfpq"])
    def test_neighbours_are_nearly_the_exact_ones(
        self, kind: str, distance: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        index, gallery = self.filled(kind, monkeypatch, distance=distance)
        exact = GalleryIndex(16, distance=distance)
        exact.add(gallery)
        asked = gallery.embeddings[::40] + 0.01
        truth = exact.search(asked)
        assert index.search(asked).keys.tolist() == truth.keys.tolist()  # nothing is built: exact
        with caplog.at_level(logging.INFO, "videoreid"):
            recall = index.build()
        assert (
            f"{kind} over 1,200 rows" in caplog.text
            and f"recall@10 {recall:.4f} against exact" in caplog.text
        )
        assert index.recall == recall > 0.9 and index.built == 1200
        found = index.search(asked)
        shared = [np.isin(a, b) for a, b in zip(found.keys, truth.keys, strict=True)]
        assert np.mean(shared) > 0.9
        places = [dict(zip(*line, strict=True)) for line in zip(truth.keys, truth.distances, strict=True)]
        for line, keys, distances in zip(places, found.keys, found.distances, strict=True):
            for key, value in zip(keys, distances, strict=True):
                assert line.get(key, value) == value  # distances are the exact ones

    @pytest.mark.parametrize("kind", ["hnsw", "ivf", "ivfpq"])
    def test_filters_removal_and_newer_rows(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        index, gallery = self.filled(kind, monkeypatch)
        index.build()
        asked = gallery.embeddings[:200:20]
        first = index.search(asked, k=1).keys[:, 0]
        assert first.tolist() == list(range(0, 200, 20))
        index.remove(first)
        assert not np.isin(index.search(asked).keys, first).any()
        cameras = gallery.camids[:200:20]
        found = index.search(asked, not_in_camera=cameras)
        assert (found.camids != cameras[:, None]).all() and (found.keys >= 0).all()
        found = index.search(asked, cameras=[1, 2], since=100.0, until=900.0)
        assert np.isin(found.camids, [1, 2]).all() and ((found.keys >= 100) & (found.keys <= 900)).all()
        few = index.search(asked, cameras=[1], since=0.0, until=20.0, k=30)  # few rows are searched exactly
        assert ((few.keys >= 0).sum(1) == ((gallery.camids[:21] == 1) & (np.arange(21) % 20 > 0)).sum()).all()
        keys = index.add(gallery.select(range(0, 200, 20)))
        assert index.built == 1200 and index.search(asked, k=1).keys[:, 0].tolist() == keys.tolist()
        index.build()
        assert index.built == 1210 and index.search(asked, k=1).keys[:, 0].tolist() == keys.tolist()

    def test_a_structure_is_kept_beside_the_rows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, gallery = self.filled("ivf", monkeypatch)
        words = {"kind": "ivf", "options": {"nlist": 16, "nprobe": 4}}
        with GalleryIndex.open(tmp_path, mode="write", width=16, **words) as index:
            index.add(gallery)
            index.build()
            found = index.search(gallery.embeddings[:5])
            recall = index.recall
        reader = GalleryIndex.open(tmp_path)
        assert reader.built == 1200 and reader.recall == recall
        for one, other in zip(found, reader.search(gallery.embeddings[:5]), strict=True):
            np.testing.assert_array_equal(one, other)
        path = next(tmp_path.glob("*.faiss"))
        whole = path.read_bytes()
        for content in (whole[:-1], whole[: len(whole) // 2], b"", whole[:100] + b"x" + whole[101:]):
            path.write_bytes(content)
            assert GalleryIndex.open(tmp_path).built == 0  # and the log says that search is exact
        path.write_bytes(whole)
        with GalleryIndex.open(tmp_path, mode="write") as index:
            index.remove([5])
            index.compact()
            assert index.built == 0 and not path.exists()

    def test_what_cannot_be_built(self) -> None:
        with pytest.raises(ConfigError, match="nothing is built"):
            GalleryIndex(4).build()
        index = GalleryIndex(4, "hnsw")
        index.add(features_of(10))
        with pytest.raises(ConfigError, match="10 rows are too few for hnsw"):
            index.build()
        assert index.search(np.ones((1, 4)), k=1).keys.shape == (1, 1)
        for words in ({"kind": "flat"}, {"kind": "hnsw", "options": {"nlist": 3}}, {"options": {"M": 3}}):
            with pytest.raises(ConfigError):
                GalleryIndex(4, **words)
        with pytest.raises(ConfigError, match=r"1\.\.65536"):
            GalleryIndex(4, "ivf", options={"nlist": 0})


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"videoreid\[faiss\]"):
        GalleryIndex(4, "hnsw")


def test_a_damaged_structure_error_is_the_librarys(tmp_path: Path) -> None:
    pytest.importorskip("faiss", reason="the extra [faiss] is not installed")
    structure = index_faiss.Approximate(GalleryIndex(4, "hnsw")._description)
    with pytest.raises(DatasetError, match="no file"):
        structure.read(tmp_path / "none", GalleryIndex(4)._store.rows)
