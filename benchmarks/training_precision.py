"""Record what `precision="auto"` chooses for networks of the zoo on this machine, and how long its timing takes.

Each network gets one batch of random frames at the size that it is trained at; weights are random. They are timed one
after the other, float32 and bfloat16 in turns, as at the first batch of a run (docs/training.md).

    python benchmarks/training_precision.py [--threads 2] [--device cpu] [--only resnet50 ...] [--output FILE]
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch

from videoreid.engine.auto_precision import faster_precision
from videoreid.inference.precision import has_native_bfloat16
from videoreid.models import build_model

# name: clips of a batch, frames of a clip, height, width
NETWORKS = {
    "osnet_x0_25": (32, 1, 128, 64),
    "mobilenetv2_x1_0": (32, 1, 256, 128),
    "resnet18": (32, 1, 128, 64),
    "hacnn": (32, 1, 160, 64),
    "osnet_x1_0": (8, 4, 256, 128),
    "resnet50": (8, 4, 256, 128),
    "transreid_vit_s16": (32, 1, 256, 128),
    "ap3d_resnet50": (8, 4, 256, 128),
    "psta": (8, 8, 256, 128),
}


def measure(name: str, device: str) -> dict[str, Any]:
    """Return the choice for one network, its reason and the seconds that it took."""
    clips, length, height, width = NETWORKS[name]
    sizes = {"height": height, "width": width} if "vit" in name else {}
    network = build_model(name, num_classes=100, **sizes).train().to(device)
    frames = torch.randint(0, 256, (clips, length, 3, height, width), dtype=torch.uint8, device=device)
    camids = torch.zeros(clips, dtype=torch.long, device=device)
    start = time.perf_counter()
    chosen, reason = faster_precision(network, frames, camids)
    seconds = time.perf_counter() - start
    return {"batch": NETWORKS[name], "chosen": chosen, "reason": reason, "seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    rows: dict[str, Any] = {}
    for name in args.only:
        rows[name] = measure(name, args.device)
        print(name, json.dumps(rows[name]), flush=True)
    results = {
        "networks": rows,
        "device": args.device,
        "native_bfloat16": has_native_bfloat16(args.device),
        "torch_threads": args.threads,
        "torch": torch.__version__,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    if args.output:
        args.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
