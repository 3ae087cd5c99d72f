"""Compare frames per second of extraction with a plain extractor that uses Pillow, in alternating runs.

Both read the same JPEG frames from the page cache, decoding included. The plain one opens each image with
Pillow, resizes and normalises it by itself, and runs float32 batches of 32 in NCHW. Runs alternate; medians are
compared, also those of CPU seconds, which other programs on the machine disturb less. The rate gives an estimate for
the 657,709 frames of MARS's test set without junk, which a published run extracted in 62 min 48 s; the share that was
run is recorded.

    python benchmarks/extraction.py [--models osnet_x1_0 resnet50] [--frames 256] [--device cuda] [--threads 2]
"""

import argparse
import functools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from videoreid.engine import ExtractionSettings, extract_tracklets
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD
from videoreid.inference.extraction import Precision
from videoreid.models import build_model
from videoreid.types import Tracklet

MARS_FRAMES = 657_709  # of the test set: 114,493 of queries and 543,216 of the gallery


def write_tracklets(folder: Path, frames: int) -> list[Tracklet]:
    """Write smooth pictures of 256 x 128 as JPEG; tracklets are 1 to 32 frames long."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(frames):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype=np.uint8))
        path = folder / f"{number:06d}.jpg"
        coarse.resize((128, 256), Image.Resampling.BILINEAR).save(path, quality=90)
        paths.append(str(path))
    found: list[Tracklet] = []
    while paths:
        length = int(rng.integers(1, 33))
        found.append(Tracklet(paths[:length], len(found), 0))
        paths = paths[length:]
    return found


def plain(model: nn.Module, tracklets: list[Tracklet], device: str) -> torch.Tensor:
    """Return the mean over frames, as the extractor of torchreid makes it for images."""
    pipeline = transforms.Compose(
        [
            transforms.Resize((256, 128)),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )
    paths = [path for tracklet in tracklets for path in tracklet.frames]
    vectors = []
    with torch.no_grad():
        for start in range(0, len(paths), 32):
            images = [pipeline(Image.open(path).convert("RGB")) for path in paths[start : start + 32]]
            vectors.append(model(torch.stack(images).to(device)).cpu())
    lengths = [len(tracklet) for tracklet in tracklets]
    return torch.stack([part.mean(0) for part in torch.cat(vectors).split(lengths)])


def ours(
    model: nn.Module, tracklets: list[Tracklet], args: argparse.Namespace, output: Path, precision: Precision
) -> torch.Tensor:
    """Return the same means from `extract_tracklets`."""
    output.unlink(missing_ok=True)
    settings = ExtractionSettings(
        precision=precision, frame_budget=args.frame_budget, threads=args.threads, device=args.device
    )
    return extract_tracklets(model, tracklets, output, settings=settings).gallery.embeddings


def compare(
    name: str, tracklets: list[Tracklet], args: argparse.Namespace, folder: Path
) -> dict[str, object]:
    torch.manual_seed(0)
    model = build_model(name).eval().to(args.device)
    frames = sum(map(len, tracklets))
    seconds: dict[str, list[float]] = {name: [] for name in ("plain", *args.precisions)}
    cpu: dict[str, list[float]] = {name: [] for name in seconds}
    vectors: dict[str, torch.Tensor] = {}
    runs: dict[str, Callable[[], torch.Tensor]] = {
        "plain": lambda: plain(model, tracklets, args.device),
        **{
            name: functools.partial(ours, model, tracklets, args, folder / "f.h5", name)
            for name in args.precisions
        },
    }
    for _ in range(args.repeats):
        for key, run in runs.items():
            start, used = time.perf_counter(), time.process_time()
            vectors[key] = run()
            seconds[key].append(time.perf_counter() - start)
            cpu[key].append(time.process_time() - used)
    work = {key: statistics.median(values) for key, values in cpu.items()}
    rate = {key: frames / statistics.median(values) for key, values in seconds.items()}
    cosine = {
        key: torch.nn.functional.cosine_similarity(vectors[key], vectors["plain"]).min().item()
        for key in args.precisions
    }
    return {
        "model": name,
        "frames": frames,
        "frames_per_second": rate,
        "ratio": {key: rate[key] / rate["plain"] for key in args.precisions},
        "cpu_ratio": {key: work["plain"] / work[key] for key in args.precisions},
        "smallest_cosine": cosine,
        "mars_minutes": {key: MARS_FRAMES / value / 60 for key, value in rate.items()},
        "mars_share_run": frames / MARS_FRAMES,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["osnet_x1_0", "resnet50"])
    parser.add_argument("--frames", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--frame-budget", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--torch-threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.torch_threads)
    device = torch.cuda.get_device_name() if args.device.startswith("cuda") else "cpu"
    results: dict[str, object] = {
        "device": device,
        "torch_threads": torch.get_num_threads(),
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    with tempfile.TemporaryDirectory() as name:
        tracklets = write_tracklets(Path(name), args.frames)
        runs = [compare(model, tracklets, args, Path(name)) for model in args.models]
    results |= {"runs": runs, "load_after": os.getloadavg()[0] if hasattr(os, "getloadavg") else None}
    text = json.dumps(results, indent=2)
    print(text)
    if args.output:
        args.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
