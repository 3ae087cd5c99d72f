"""An HTTP service: post a picture of a person, and get the most similar tracklets of a gallery.

    pip install 'videoreid[serve]'
    python examples/serve.py DIR --model osnet_x0_25 --weights weights.pth
    curl --data-binary @person.jpg 'http://127.0.0.1:8000/search?top=5'

Requests that arrive together are embedded in one batch. A full queue answers 503. Changes need a token, which is read
from the environment (VIDEOREID_TOKEN); without a token the gallery is read-only. See docs/serve.md.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import cv2
import numpy as np
import torch
from fastapi import FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse

from videoreid.errors import ConfigError, StorageError, VideoReIDError
from videoreid.footage.detection import as_detector
from videoreid.indexing import crop_of_box, model_fingerprint, person_of_picture
from videoreid.inference import FeatureExtractor
from videoreid.retrieval import Gallery, GalleryIndex, GalleryTracklet, Recording, log_question
from videoreid.utils.picture_headers import declared_size
from videoreid.utils.pictures import decode_frame

Encoder = Callable[[list[np.ndarray]], torch.Tensor]


@dataclass(frozen=True)
class Limits:
    """Limits of the service.

    Args:
        body_bytes: largest size of an encoded picture.
        pixels: largest size of a decoded picture.
        queued: largest number of waiting requests; further requests are answered 503.
        batch: largest number of pictures in a batch.
        wait: seconds that a batch waits for more pictures.
        body_seconds: longest time in which a body must arrive.
        top: largest number of matches in an answer.
    """

    body_bytes: int = 8 << 20
    pixels: int = 24_000_000
    queued: int = 256
    batch: int = 32
    wait: float = 0.005
    body_seconds: float = 10.0
    top: int = 100


@dataclass(frozen=True)
class Log:
    """The log of the searches.

    Args:
        path: of the log, see `videoreid.retrieval.log_question`.
        user_header: header in which a proxy names the user; the client's address is used if it is empty or missing.
    """

    path: str
    user_header: str = ""

    def user(self, request: Request) -> str:
        """Return the user of a request."""
        return request.headers.get(self.user_header) or (request.client.host if request.client else "")


class Batcher:
    """Embeds pictures of several requests in one batch, in a thread, so that the service stays responsive."""

    def __init__(self, encode: Encoder, limits: Limits) -> None:
        self._encode, self._limits = encode, limits
        self._queue: asyncio.Queue[tuple[np.ndarray, asyncio.Future[np.ndarray]]] = asyncio.Queue(
            limits.queued
        )
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Answer the waiting requests, and accept no new ones."""
        self._stopping = True
        await self._queue.join()
        if self._task is not None:
            self._task.cancel()

    async def embed(self, crop: np.ndarray) -> np.ndarray:
        """Return the embedding ``(D,)`` of a crop; 503 if too many requests wait."""
        answer: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        try:
            if self._stopping:
                raise asyncio.QueueFull
            self._queue.put_nowait((crop, answer))
        except asyncio.QueueFull:
            what = "is stopping" if self._stopping else f"has {self._limits.queued} requests waiting"
            raise HTTPException(503, f"the service {what}; try again later", {"Retry-After": "1"}) from None
        return await answer

    async def _work(self) -> None:
        while True:
            waiting = [await self._queue.get()]
            deadline = asyncio.get_running_loop().time() + self._limits.wait
            while len(waiting) < self._limits.batch:
                if not self._queue.empty():
                    waiting.append(self._queue.get_nowait())
                elif asyncio.get_running_loop().time() < deadline:
                    await asyncio.sleep(0.001)
                else:
                    break
            try:
                vectors: Sequence[Any] = await asyncio.to_thread(self._run, [crop for crop, _ in waiting])
            except Exception as error:  # every request of the batch gets the error; the service continues
                vectors = [error] * len(waiting)
            for (_, answer), vector in zip(waiting, vectors, strict=True):
                if not answer.done():  # the client may have disconnected
                    failed = isinstance(vector, Exception)
                    answer.set_exception(vector) if failed else answer.set_result(vector)
                self._queue.task_done()

    def _run(self, crops: list[np.ndarray]) -> np.ndarray:
        return np.asarray(torch.as_tensor(self._encode(crops)).float().cpu())


class Answers:
    """A gallery as an index in memory, with the metadata of its tracklets."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self.thumbnails = lru_cache(4096)(self._thumbnails)
        self.refresh()

    def refresh(self) -> None:
        """Reload the gallery after tracklets were added or removed."""
        features, keys = self.gallery.features, self.gallery.keys
        recordings = {recording.name: recording for recording in self.gallery.recordings}
        starts = [recording.start for recording in recordings.values() if recording.start is not None]
        zero = min(starts) if starts and len(starts) == len(recordings) else None
        rows = []
        for key, begin, end in zip(keys, features.times.tolist(), features.end_times.tolist(), strict=True):
            recording = recordings[key.rpartition(":")[0]]
            offset = (
                0.0 if zero is None or recording.start is None else (recording.start - zero).total_seconds()
            )
            clock = recording.clock(begin - offset)
            rows.append({
                "key": key, "camera": recording.camera, "start": begin - offset, "end": end - offset,
                "clock_start": None if clock is None else clock.isoformat(),
            })  # fmt: skip
        index = GalleryIndex(features.embeddings.shape[1]) if len(features) else None
        if index is not None:
            index.add(features)
        cameras = {row["camera"]: int(camid) for row, camid in zip(rows, features.camids, strict=True)}
        self.thumbnails.cache_clear()
        self._state = index, rows, cameras  # replaced in one step, because other threads search

    def search(self, vector: np.ndarray, top: int, cameras: Sequence[str] | None) -> list[dict[str, Any]]:
        index, rows, numbers = self._state
        unknown = set(cameras or ()) - set(numbers)
        if unknown:
            raise ConfigError(f"no camera {sorted(unknown)} in the gallery; it has {sorted(numbers)}")
        if index is None:
            return []
        wanted = None if not cameras else [numbers[camera] for camera in cameras]
        found = index.search(vector[None], min(top, len(index)), cameras=wanted)
        pairs = zip(found.keys[0].tolist(), found.distances[0].tolist(), strict=True)
        return [
            {**rows[key], "distance": distance, "thumbnails": list(self.thumbnails(rows[key]["key"]))}
            for key, distance in pairs
            if key >= 0
        ]

    def add(self, camera: str, crop: np.ndarray, vector: np.ndarray) -> str | None:
        ok, encoded = cv2.imencode(".jpg", crop[:, :, ::-1])
        if not ok:
            raise ConfigError("the crop cannot be written as JPEG")
        digest = hashlib.sha256(camera.encode() + crop.tobytes()).hexdigest()
        name = f"upload-{digest[:12]}"
        tracklet = GalleryTracklet(1, 0.0, 0.0, thumbnails=(encoded.tobytes(),))
        added = self.gallery.add(Recording(name, digest, camera), [tracklet], vector[None])
        self.refresh()
        return f"{name}:1" if added else None

    def remove(self, key: str) -> None:
        self.gallery.remove([key])
        self.refresh()

    def _thumbnails(self, key: str) -> tuple[str, ...]:
        return tuple(
            "data:image/jpeg;base64," + base64.b64encode(picture).decode()
            for picture in self.gallery.thumbnails(key)
        )


async def read_body(request: Request, limits: Limits) -> bytes:
    """Read a request body within the limits of size and time."""
    too_long = HTTPException(413, f"a picture has at most {limits.body_bytes:,} bytes")
    if int(request.headers.get("content-length", "0") or 0) > limits.body_bytes:
        raise too_long
    data = bytearray()

    async def read() -> None:
        async for part in request.stream():
            data.extend(part)
            if len(data) > limits.body_bytes:
                raise too_long

    try:
        await asyncio.wait_for(read(), limits.body_seconds)
    except (TimeoutError, asyncio.TimeoutError):
        raise HTTPException(408, f"the picture did not arrive in {limits.body_seconds:g} s") from None
    return bytes(data)


def decode(data: bytes, limits: Limits) -> np.ndarray:
    """Decode a JPEG, PNG or BMP, after a check of the size in its header."""
    size = declared_size(data)
    if size is None:
        raise HTTPException(415, "send one JPEG, PNG or BMP picture as the body")
    if size[0] * size[1] > limits.pixels:
        raise HTTPException(
            413, f"the picture has {size[0]}x{size[1]} pixels; at most {limits.pixels:,} are decoded"
        )
    return decode_frame(np.frombuffer(data, np.uint8), "of the request")


def cut(image: np.ndarray, box: str | None, person: int | None, detector: Any) -> np.ndarray:
    """Return the crop of a person: by a box, by the detector, or the whole picture."""
    if box is not None:
        try:
            return crop_of_box(image, [float(part) for part in box.split(",")])
        except ValueError as error:
            raise ConfigError(f"box must be left,top,width,height in pixels, got {box!r}") from error
    if person is None:
        return image
    if detector is None:
        raise ConfigError("this service has no detector: send a crop, or give box=left,top,width,height")
    return person_of_picture(image, detector, person=person or None)


class Service:
    """The endpoints of the service.

    Args:
        gallery: to search.
        encode: crops ``(h, w, 3)`` uint8 RGB to embeddings ``(N, D)``.
        token: required for changes; an empty token forbids them.
        detector: see `videoreid.footage.detect`; without one, photographs need a box.
        limits: of the service.
        log: of the searches; None keeps none.
    """

    def __init__(
        self, gallery: Gallery, encode: Encoder, token: str, detector: Any, limits: Limits, log: Log | None
    ) -> None:
        self.answers, self.limits = Answers(gallery), limits
        self.batcher = Batcher(encode, limits)
        self._token, self._detector, self._log, self._writing = token, detector, log, asyncio.Lock()

    async def health(self) -> dict[str, Any]:
        """Return the number of tracklets and the model of the gallery."""
        return {"tracklets": len(self.answers.gallery), "model": self.answers.gallery.fingerprint}

    async def search(
        self,
        request: Request,
        top: Annotated[int | None, Query(ge=1)] = None,
        camera: Annotated[list[str] | None, Query()] = None,
        box: str | None = None,
        person: Annotated[int | None, Query(ge=0)] = None,
    ) -> dict[str, Any]:
        """Return the tracklets most similar to the person in the picture, nearest first.

        The body is a crop; or a photograph, with box=left,top,width,height, or with person=N for the N-th detected
        person from the left (0: the only one).
        """
        top = min(10, self.limits.top) if top is None else top
        if top > self.limits.top:
            raise ConfigError(f"top is {top}; at most {self.limits.top} matches are returned")
        data = await read_body(request, self.limits)
        vector = await self.batcher.embed(await self._crop(data, box, person))
        matches = await asyncio.to_thread(self.answers.search, vector, top, camera)
        if self._log is not None:  # before the answer is sent
            await asyncio.to_thread(
                log_question,
                self._log.path,
                self.answers.gallery.path,
                asked={"sha256": hashlib.sha256(data).hexdigest(), "box": box, "person": person},
                where={"camera": camera, "top": top},
                answers=[(match["key"], match["distance"]) for match in matches],
                user=self._log.user(request),
            )
        return {"matches": matches}

    async def add(
        self, request: Request, camera: str = "", authorization: Annotated[str, Header()] = ""
    ) -> dict[str, str]:
        """Add the crop in the body as a new tracklet."""
        self._check(authorization)
        crop = await self._crop(await read_body(request, self.limits), None, None)
        vector = await self.batcher.embed(crop)
        async with self._writing:
            key = await asyncio.to_thread(self.answers.add, camera, crop, vector)
        if key is None:
            raise HTTPException(409, "this crop is already in the gallery")
        return {"key": key}

    async def remove(self, key: str, authorization: Annotated[str, Header()] = "") -> None:
        """Delete a tracklet permanently."""
        self._check(authorization)
        async with self._writing:
            await asyncio.to_thread(self.answers.remove, key)

    async def _crop(self, data: bytes, box: str | None, person: int | None) -> np.ndarray:
        image = await asyncio.to_thread(decode, data, self.limits)
        return await asyncio.to_thread(cut, image, box, person, self._detector)

    def _check(self, authorization: str) -> None:
        if not self._token:
            raise HTTPException(
                403, "this gallery is read-only; the service was started without VIDEOREID_TOKEN"
            )
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self._token}".encode()):
            raise HTTPException(401, "changes need the header Authorization: Bearer TOKEN")


def build_app(
    gallery: Gallery,
    encode: Encoder,
    *,
    token: str = "",
    detector: Any = None,
    limits: Limits | None = None,
    log: Log | None = None,
) -> FastAPI:
    """Return the application, see `Service`."""
    service = Service(gallery, encode, token, detector, limits or Limits(), log)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        yield
        await service.batcher.stop()

    app = FastAPI(title="videoreid", lifespan=life)
    app.add_exception_handler(VideoReIDError, _as_answer)
    app.get("/health")(service.health)
    app.post("/search")(service.search)
    app.post("/tracklets", status_code=201)(service.add)
    app.delete("/tracklets/{key:path}", status_code=204)(service.remove)
    return app


async def _as_answer(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 507 if isinstance(error, StorageError) else 400)


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gallery", help="folder of a gallery of videoreid index")
    parser.add_argument("--model", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--detector", help="such as yolox_nano; detects persons in photographs")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--log", help="append the searches and their users to this file (default: no log)")
    parser.add_argument("--user-header", default="", help="header in which your proxy names the user")
    args = parser.parse_args()
    extractor = FeatureExtractor(args.model, args.weights)
    gallery = Gallery.open(args.gallery, fingerprint=model_fingerprint(extractor.model))
    detector = None
    if args.detector:
        find = as_detector(args.detector)  # opened once

        def detector(image: np.ndarray) -> Any:
            return find(0, image)

    log = Log(args.log, args.user_header) if args.log else None
    token = os.environ.get("VIDEOREID_TOKEN", "")
    app = build_app(gallery, extractor, token=token, detector=detector, log=log)
    uvicorn.run(app, host=args.host, port=args.port, timeout_graceful_shutdown=30, limit_concurrency=1024)


if __name__ == "__main__":
    main()
