"""The verbs of an index over Milvus, on the embedded file of milvus-lite."""

import json
import sys
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError, DatasetError, MissingExtraError, ProtocolError, ServerError
from videoreid.retrieval import (
    GalleryIndex,
    MilvusIndex,
    MilvusServer,
    copy_index,
    milvus_server,
    tracklet_keys,
)
from videoreid.retrieval.milvus_schema import MilvusDescription, expression, quoted
from videoreid.types import Features


def features_of(count: int, seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(count, 4)).astype(np.float32))
    times = np.where(rng.random(count) < 0.1, np.nan, rng.uniform(0, 300_000, count))
    ends = np.where(rng.random(count) < 0.1, np.nan, times + 2)
    return Features(
        values, np.arange(count), rng.integers(-1, 5, count), times, ends, rng.integers(0, 3, count)
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("pymilvus", reason="the extra [scale] is not installed")
    pytest.importorskip("milvus_lite", reason="the extra [scale] is not installed")
    return str(tmp_path_factory.mktemp("milvus") / "tracklets.db")


@pytest.mark.parametrize(("partition", "distance"), [("camera", "cosine"), ("day", "euclidean")])
def test_answers_are_those_of_the_local_index(database: str, partition: str, distance: str) -> None:
    local = GalleryIndex(4, distance=distance)
    local.add(features_of(400))
    local.remove([5, 6])
    remote = MilvusIndex(
        4, server=database, collection=partition, distance=distance, partition=partition, group=2
    )
    assert copy_index(local, remote) == 398
    assert copy_index(local, remote) == len(remote) == 398  # once more does no harm
    query = features_of(5, seed=1)
    for words in (
        {},
        {"cameras": [0, 3]},
        {"cameras": [99]},
        {"since": 100_000.0},
        {"until": 100_000.0},
        {"since": 100_000.0, "until": 200_000.0, "cameras": [1, 2]},
        {"not_in_camera": query.camids},
    ):
        one = local.search(query.embeddings, k=9, **words)
        other = remote.search(query.embeddings, k=9, **words)
        assert other.keys.tolist() == one.keys.tolist(), words
        assert other.pids.tolist() == one.pids.tolist() and other.camids.tolist() == one.camids.tolist()
        np.testing.assert_allclose(other.distances, one.distances, atol=2e-6)
    back = GalleryIndex(4, distance=distance)
    assert copy_index(remote, back) == 398
    assert back.keys.tolist() == sorted(local.keys.tolist()) == sorted(remote.keys.tolist())
    for name in ("embeddings", "pids", "camids", "times", "end_times", "clothes"):
        np.testing.assert_allclose(getattr(back.features, name), getattr(local.features, name), atol=1e-7)
    remote.remove([0, 7])
    remote.update([8], features_of(1, seed=3))
    assert len(remote) == 396
    assert remote.search(features_of(1, seed=3).embeddings, k=1).keys.tolist() == [[8]]
    for change in (lambda: remote.remove([7, 8]), lambda: remote.update([7], features_of(1))):
        with pytest.raises(ProtocolError, match=r"keys \[7\] are not in the collection"):
            change()
    assert len(remote) == 396
    remote.close()
    assert len(remote) == 396  # opened again


def test_texts_cannot_leave_their_quotes(database: str) -> None:
    index = MilvusIndex(4, server=database, collection="paths", fingerprint='net" or "1" == "1')
    nasty = [
        'a" or key >= 0 or path == "',
        "back\\slash",
        'both\\"',
        "line\nbreak\ttab",
        "plain",
        "überall ' 人",
    ]
    features = features_of(6)
    keys = index.add(features, paths=nasty)
    assert index.add(features, paths=nasty).tolist() == keys.tolist() and len(index) == 6
    for key, path in zip(keys.tolist(), nasty, strict=True):
        found = index.search(np.ones((1, 4)), k=6, path=path).keys[0]
        assert found[found >= 0].tolist() == [key]
    assert (index.search(np.ones((1, 4)), path="none\\").keys < 0).all()
    with pytest.raises(ConfigError, match="NUL"):
        index.search(np.ones((1, 4)), path="a\0b")


def test_a_collection_of_others_is_refused(database: str) -> None:
    MilvusIndex(4, server=database, collection="mine", fingerprint="net:1")
    with pytest.raises(DatasetError, match="made with the model 'net:1', but is used with 'net:2'"):
        MilvusIndex(4, server=database, collection="mine", fingerprint="net:2")
    with pytest.raises(DatasetError, match="of width 4 and cosine"):
        MilvusIndex(5, server=database, collection="mine", fingerprint="net:1")
    client = milvus_server.connect(MilvusServer(database))
    client.create_collection("others", dimension=4)
    with pytest.raises(DatasetError, match="was not made by MilvusIndex"):
        MilvusIndex(4, server=database, collection="others")


class Broken:
    """A client whose next calls fail before, or after, they are done."""

    failures: ClassVar[list[str]] = []

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            kind = Broken.failures.pop() if Broken.failures and name != "close" else ""
            if kind == "before":
                raise ConnectionResetError("the channel is gone")
            answer = method(*args, **kwargs)
            if kind == "after":
                raise RuntimeError("StatusCode.UNAVAILABLE: connection lost")
            if kind == "refused":
                raise RuntimeError("invalid parameter")
            return answer

        return call


def test_a_connection_that_breaks_is_made_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connect, made = milvus_server.connect, []
    monkeypatch.setattr(milvus_server, "connect", lambda server: made.append(1) or Broken(connect(server)))
    index = MilvusIndex(4, server=MilvusServer(database, attempts=3, pause=0.0), collection="broken")
    before = len(made)
    for failures in (["before"], ["after"], ["after", "before"]):
        Broken.failures = list(failures)
        index.add(features_of(20), keys=range(20))
        assert not Broken.failures
    assert len(made) == before + 4 and len(index) == 20  # nothing twice
    Broken.failures = ["before"] * 9
    with pytest.raises(
        ServerError, match=r"does not answer: tried to search 3 times, last the channel is gone"
    ):
        index.search(np.ones((1, 4)))
    assert len(Broken.failures) == 6
    Broken.failures = ["refused"]
    with pytest.raises(ServerError, match="refuses to search: invalid parameter"):
        index.search(np.ones((1, 4)))
    assert index.search(np.ones((1, 4)), k=1).keys.shape == (1, 1)


def test_a_server_that_is_away_is_named_without_its_token(database: str) -> None:
    server = MilvusServer("http://127.0.0.1:9", token="root:secret", timeout=0.5, attempts=2, pause=0.0)
    with pytest.raises(ServerError, match=r"Milvus at http://127.0.0.1:9 does not answer") as caught:
        MilvusIndex(4, server=server)
    assert "secret" not in f"{caught.value}{server!r}"


def test_bad_input(database: str) -> None:
    index = MilvusIndex(4, server=database, collection="bad", partition="day")
    with pytest.raises(ProtocolError, match="give keys, or paths"):
        index.add(features_of(2))
    for words in (
        {"keys": [1]},
        {"keys": [1, 1]},
        {"keys": [1, -1]},
        {"paths": ["a"]},
        {"paths": ["a" * 5000, "b"]},
    ):
        with pytest.raises(ProtocolError):
            index.add(features_of(2), **words)
    long = Features(torch.ones(1, 4), np.zeros(1, int), np.zeros(1, int), np.zeros(1), np.full(1, 90_000.0))
    with pytest.raises(ProtocolError, match="longer than a day"):
        index.add(long, keys=[1])
    for words in ({"k": 0}, {"k": 20_000}, {"since": float("inf")}):
        with pytest.raises(ConfigError):
            index.search(np.ones((1, 4)), **words)
    assert len(index) == 0 and index.keys.tolist() == []


def test_what_needs_no_server() -> None:
    for words in (
        {"uri": ""},
        {"uri": "host"},
        {"uri": "a.db", "attempts": 0},
        {"uri": "a.db", "timeout": 0.0},
    ):
        with pytest.raises(ConfigError):
            MilvusServer(**words)
    for words in (
        {"width": 0},
        {"width": 4, "kind": "x"},
        {"width": 4, "partition": "x"},
        {"width": 4, "group": 0},
    ):
        with pytest.raises(ConfigError):
            MilvusDescription(**words)
    assert quoted('a"\\\n') == '"a\\"\\\\\\n"'
    day = MilvusDescription(4, partition="day")
    assert expression(day, since=86_400.0 * 3, until=86_400.0 * 4).endswith("part in [2, 3, 4]")
    for text in ("", "[]", json.dumps({"format": "videoreid tracklets", "version": 2})):
        with pytest.raises(DatasetError, match="not made by MilvusIndex"):
            MilvusDescription.of_text(text, "c")
    features = features_of(3)
    keys = tracklet_keys(features, ["a", "b", "c"], "net:1")
    assert (keys >= 0).all() and keys.tolist() == tracklet_keys(features, ["a", "b", "c"], "net:1").tolist()
    assert not set(keys) & set(tracklet_keys(features, ["a", "b", "c"], "net:2"))
    with pytest.raises(ProtocolError, match="tell them apart"):
        tracklet_keys(features.select([0, 0]), ["a", "a"])


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(MissingExtraError, match=r"videoreid\[scale\]"):
        MilvusIndex(4, server="a.db")
