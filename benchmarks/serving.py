"""Compare the service of examples/serve.py under load on the loopback with the offline rate of the same network.

A separate process serves a gallery of random embeddings with a network of random weights. Clients, each a thread with
its own connection, post crops one after the other. Before and after, this process embeds the same crops in batches of
32, decoding included: the offline rate.

    python benchmarks/serving.py --clients 32 --seconds 30 --output benchmarks/results/serving.json
"""

import argparse
import http.client
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import torch

from videoreid.inference import FeatureExtractor
from videoreid.models import build_model
from videoreid.retrieval import Gallery, GalleryTracklet, Recording
from videoreid.utils.pictures import decode_frame

ROOT = Path(__file__).parents[1]


def crops(count: int) -> list[bytes]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 16, 8, 3), dtype=np.uint8)
    pictures = (cv2.resize(image, (128, 256), interpolation=cv2.INTER_LINEAR) for image in coarse)
    return [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures]


def network(name: str) -> FeatureExtractor:
    torch.manual_seed(0)
    return FeatureExtractor(build_model(name).eval())


def make_gallery(folder: Path, rows: int, width: int) -> Gallery:
    gallery = Gallery.open(folder, fingerprint="benchmark", create=True)
    picture = crops(1)[0]
    rng = np.random.default_rng(0)
    for number in range(rows // 1000):
        tracklets = [GalleryTracklet(track, 0.0, 1.0, thumbnails=(picture,)) for track in range(1000)]
        recording = Recording(f"r{number}", f"{number:032x}", f"camera{number % 4}")
        gallery.add(recording, tracklets, rng.normal(size=(1000, width)))
    return gallery


def serve(args: argparse.Namespace) -> None:
    import uvicorn

    spec = importlib.util.spec_from_file_location("serve_example", ROOT / "examples" / "serve.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["serve_example"] = module
    spec.loader.exec_module(module)
    extractor = network(args.model)
    app = module.build_app(Gallery.open(args.folder), extractor)
    uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="warning", timeout_graceful_shutdown=30)


def offline_rate(extractor: FeatureExtractor, pictures: list[bytes]) -> float:
    start = time.perf_counter()
    for begin in range(0, len(pictures), 32):
        batch = pictures[begin : begin + 32]
        extractor([decode_frame(np.frombuffer(data, np.uint8), "crop") for data in batch])
    return len(pictures) / (time.perf_counter() - start)


def client(port: int, pictures: list[bytes], until: float, seconds: list[float], counts: Counter) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    number = threading.get_ident()
    while time.perf_counter() < until:
        number += 1
        start = time.perf_counter()
        connection.request("POST", "/search?top=10", pictures[number % len(pictures)])
        answer = connection.getresponse()
        answer.read()
        seconds.append(time.perf_counter() - start)
        counts[answer.status] += 1


def load(port: int, pictures: list[bytes], clients: int, duration: float) -> dict[str, object]:
    seconds: list[float] = []
    counts: Counter = Counter()
    start = time.perf_counter()
    until = start + duration
    threads = [
        threading.Thread(target=client, args=(port, pictures, until, seconds, counts)) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "clients": clients,
        "requests": len(seconds),
        "statuses": dict(counts),
        "requests_per_second": len(seconds) / (time.perf_counter() - start),
        "p50_ms": 1e3 * float(np.quantile(seconds, 0.5)),
        "p99_ms": 1e3 * float(np.quantile(seconds, 0.99)),
    }


def wait_for(port: int, process: subprocess.Popen) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the service ended before it listened")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Measure offline, under load, and offline again."""
    pictures, extractor = crops(256), network(args.model)
    with tempfile.TemporaryDirectory() as name:
        make_gallery(Path(name), args.rows, extractor.model.embedding_dim)
        offline_rate(extractor, pictures[:64])
        rates = [offline_rate(extractor, pictures)]
        command = [
            sys.executable,
            __file__,
            "--model",
            args.model,
            "--folder",
            name,
            "--port",
            str(args.port),
        ]
        process = subprocess.Popen(command)
        try:
            wait_for(args.port, process)
            load(args.port, pictures, 4, 3.0)
            runs = [load(args.port, pictures, clients, args.seconds) for clients in args.clients]
        finally:
            process.terminate()
        stopped = process.wait(60)
        rates.append(offline_rate(extractor, pictures))
    return {
        "model": args.model,
        "gallery": args.rows,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "offline_crops_per_second": rates,
        "runs": runs,
        "exit_status_after_sigterm": stopped,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="osnet_x0_25")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=8765)
    args = parser.parse_args()
    if args.folder:
        serve(args)
        return
    results = run(args)
    print(json.dumps(results, indent=2))
    if args.output:
        args.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
