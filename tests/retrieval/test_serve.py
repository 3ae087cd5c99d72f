"""The service of examples/serve.py, asked through FastAPI's test client."""

import asyncio
import base64
import hashlib
import importlib.util
import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from videoreid.retrieval import Gallery, GalleryTracklet, Recording

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
pytest.importorskip("httpx", reason="the extra [serve] is not installed")

from fastapi.testclient import TestClient

COLOURS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}
TOKEN = {"Authorization": "Bearer secret"}


@pytest.fixture(scope="module")
def serve() -> Iterator[ModuleType]:
    path = Path(__file__).parents[2] / "examples" / "serve.py"
    spec = importlib.util.spec_from_file_location("serve_example", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # FastAPI looks the annotations up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def mean_colour(crops: list[np.ndarray]) -> np.ndarray:
    return np.stack([crop.reshape(-1, 3).mean(axis=0) for crop in crops])


def picture(colour: str, size: tuple[int, int] = (40, 20), suffix: str = ".png") -> bytes:
    ok, data = cv2.imencode(suffix, np.full((*size, 3), COLOURS[colour][::-1], np.uint8))
    assert ok
    return bytes(data.tobytes())


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    gallery = Gallery.open(tmp_path / "g", fingerprint="mean colour", create=True)
    for number, (camera, colour) in enumerate((("gate", "red"), ("hall", "red"), ("hall", "green"))):
        start = datetime(2024, 5, 1, 12 + number)
        vector = np.array([COLOURS[colour]], float) + number
        tracklet = GalleryTracklet(7, 1.0, 2.5, thumbnails=(colour.encode(),))
        gallery.add(Recording(f"r{number}", f"{number:032x}", camera, start=start), [tracklet], vector)
    return gallery


def test_a_crop_is_answered_with_thumbnails(serve: ModuleType, gallery: Gallery) -> None:
    with TestClient(serve.build_app(gallery, mean_colour)) as client:
        assert client.get("/health").json() == {"tracklets": 3, "model": "mean colour"}
        answer = client.post("/search?top=2", content=picture("red"))
        assert answer.status_code == 200
        first, second = answer.json()["matches"]
        assert (first["key"], second["key"]) == ("r0:7", "r1:7") and first["distance"] <= second[
            "distance"
        ] < 0.01
        assert (first["camera"], first["start"], first["end"]) == ("gate", 1.0, 2.5)
        assert second["clock_start"] == "2024-05-01T13:00:01"
        assert base64.b64decode(first["thumbnails"][0].split(",")[1]) == b"red"
        found = client.post("/search?camera=hall", content=picture("red", suffix=".jpg")).json()["matches"]
        assert [match["key"] for match in found] == ["r1:7", "r2:7"]


def test_a_photograph_is_cut(serve: ModuleType, gallery: Gallery) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[20:60, 30:50] = COLOURS["green"][::-1]
    data = cv2.imencode(".png", image)[1].tobytes()

    def detector(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.array([[30.0, 20.0, 50.0, 60.0]]), np.array([0.9])

    with TestClient(serve.build_app(gallery, mean_colour, detector=detector)) as client:
        for words in ("box=30,20,20,40", "person=1", "person=0"):
            found = client.post(f"/search?top=1&{words}", content=data)
            assert found.json()["matches"][0]["key"] == "r2:7", found.text
        assert "no person 2" in client.post("/search?person=2", content=data).json()["detail"]
    with TestClient(serve.build_app(gallery, mean_colour)) as client:
        assert "no detector" in client.post("/search?person=1", content=data).json()["detail"]


def test_what_is_refused(serve: ModuleType, gallery: Gallery) -> None:
    limits = serve.Limits(body_bytes=5000, pixels=10_000, top=5)
    with TestClient(serve.build_app(gallery, mean_colour, limits=limits)) as client:

        def status(words: str, content: Any) -> int:
            return int(client.post(f"/search{words}", content=content).status_code)

        assert status("", b"x" * 5001) == 413
        assert status("", iter([b"x" * 3000, b"x" * 3000])) == 413  # without a length in its header
        assert status("", picture("red", (101, 100))) == 413
        assert status("", b"GIF89a") == status("", b"") == 415
        assert status("", picture("red")[:60]) == 400
        for words in ("?top=6", "?camera=roof", "?box=1,2", "?box=a,b,c,d", "?box=900,0,5,5", "?person=1"):
            assert status(words, picture("red")) == 400, words
        assert status("?top=0", picture("red")) == status("?top=x", picture("red")) == 422
        assert status("", picture("red")) == 200


def test_writing_needs_the_token(serve: ModuleType, gallery: Gallery) -> None:
    with TestClient(serve.build_app(gallery, mean_colour)) as client:
        assert (
            client.post("/tracklets?camera=roof", content=picture("blue"), headers=TOKEN).status_code == 403
        )
        assert client.delete("/tracklets/r0:7", headers={"Authorization": "Bearer "}).status_code == 403
    with TestClient(serve.build_app(gallery, mean_colour, token="secret")) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            assert client.post("/tracklets", content=picture("blue"), headers=headers).status_code == 401
            assert client.delete("/tracklets/r0:7", headers=headers).status_code == 401
        assert len(gallery) == 3
        made = client.post("/tracklets?camera=roof", content=picture("blue"), headers=TOKEN)
        assert made.status_code == 201
        assert (
            client.post("/tracklets?camera=roof", content=picture("blue"), headers=TOKEN).status_code == 409
        )
        match = client.post("/search?top=1", content=picture("blue")).json()["matches"][0]
        assert match["key"] == made.json()["key"] and match["camera"] == "roof"
        assert client.delete(f"/tracklets/{match['key']}", headers=TOKEN).status_code == 204
        assert client.delete("/tracklets/none:1", headers=TOKEN).status_code == 400
        assert (
            client.post("/search?top=1", content=picture("blue")).json()["matches"][0]["key"] != match["key"]
        )


def test_who_asked_what_is_logged_where_somebody_wants_it(
    serve: ModuleType, gallery: Gallery, tmp_path: Path
) -> None:
    log = serve.Log(str(tmp_path / "log" / "who.jsonl"), "X-Remote-User")
    with TestClient(serve.build_app(gallery, mean_colour, log=log)) as client:
        found = client.post(
            "/search?top=1&camera=hall", content=picture("green"), headers={"X-Remote-User": "ann"}
        )
        assert client.post("/search?box=0,0,20,20", content=picture("red")).status_code == 200
        assert (
            client.post("/search?camera=roof", content=picture("red")).status_code == 400
        )  # nothing was told
    first, second = map(json.loads, Path(log.path).read_text().splitlines())
    assert first["user"] == "ann" and second["user"] == "testclient"
    assert first["asked"] == {"sha256": hashlib.sha256(picture("green")).hexdigest()}
    assert first["where"] == {"camera": ["hall"], "top": 1} and second["where"] == {"top": 10}
    assert first["answers"] == [["r2:7", round(found.json()["matches"][0]["distance"], 4)]]
    assert second["asked"]["box"] == "0,0,20,20" and len(second["answers"]) == 3
    assert first["gallery"] == str(gallery.path)
    (tmp_path / "file").write_text("")
    lost = serve.Log(str(tmp_path / "file" / "who.jsonl"))
    with TestClient(serve.build_app(gallery, mean_colour, log=lost)) as client:
        answer = client.post("/search", content=picture("red"))
        assert answer.status_code == 507 and "matches" not in answer.json()


def test_requests_are_embedded_together_and_a_full_queue_says_so(serve: ModuleType, gallery: Gallery) -> None:
    entered, go, sizes = threading.Event(), threading.Event(), []

    def slow(crops: list[np.ndarray]) -> np.ndarray:
        sizes.append(len(crops))
        entered.set()
        assert go.wait(60)
        return mean_colour(crops)

    limits = serve.Limits(queued=3, batch=8, wait=0.0)
    with TestClient(serve.build_app(gallery, slow, limits=limits)) as client, ThreadPoolExecutor(8) as pool:
        first = pool.submit(client.post, "/search", content=picture("red"))
        assert entered.wait(60)  # the worker is at it; three more may wait
        rest = [pool.submit(client.post, "/search", content=picture("red")) for _ in range(5)]
        full = []
        while len(full) < 2:
            full = [future.result() for future in rest if future.done()]
        go.set()
        statuses = sorted(future.result().status_code for future in rest)
        assert first.result().status_code == 200
    assert statuses == [200, 200, 200, 503, 503] and sizes[0] == 1 and sum(sizes) == 4
    assert full[0].headers["Retry-After"] == "1" and "3 requests waiting" in full[0].json()["detail"]


def test_stopping_answers_what_waits(serve: ModuleType) -> None:
    async def run() -> tuple[list[Any], str]:
        batcher = serve.Batcher(mean_colour, serve.Limits(batch=2, wait=0.0))
        batcher.start()
        crop = np.full((4, 4, 3), 9, np.uint8)
        waiting = [asyncio.create_task(batcher.embed(crop)) for _ in range(5)]
        await asyncio.sleep(0)
        await batcher.stop()
        refused = ""
        try:
            await batcher.embed(crop)
        except serve.HTTPException as error:
            refused = error.detail
        return await asyncio.gather(*waiting), refused

    vectors, refused = asyncio.run(run())
    assert [vector.tolist() for vector in vectors] == [[9, 9, 9]] * 5 and "is stopping" in refused


def test_a_failing_model_fails_its_requests_only(serve: ModuleType, gallery: Gallery) -> None:
    def picky(crops: list[np.ndarray]) -> np.ndarray:
        if any(crop.shape[0] == 41 for crop in crops):
            raise RuntimeError("no")
        return mean_colour(crops)

    with TestClient(serve.build_app(gallery, picky), raise_server_exceptions=False) as client:
        assert client.post("/search", content=picture("red", (41, 20))).status_code == 500
        assert client.post("/search", content=picture("red")).status_code == 200
