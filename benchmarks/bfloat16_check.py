"""Which convolutions does this processor get wrong in bfloat16, and what does the search for them cost?

For each network, at its published size or at another one, the record holds the names of the convolutions that
`videoreid.inference.kernel_check` finds, their largest relative error (of the result and of both gradients; NaN as
"nan"), and the processor seconds of the search.

    python benchmarks/bfloat16_check.py                               every network with 3-D convolutions
    python benchmarks/bfloat16_check.py --only resnet50 --size 64 32
    python benchmarks/bfloat16_check.py --all

Results: benchmarks/results/bfloat16_check.json, written after each network.
"""

import argparse
import json
import logging
import platform
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from videoreid.inference import kernel_check
from videoreid.models import build_model, list_models
from videoreid.utils import atomic_write_text

RESULTS = Path(__file__).parent / "results" / "bfloat16_check.json"


def search(name: str, size: tuple[int, int] | None) -> dict[str, Any]:
    """Return the row of a network."""
    torch.manual_seed(0)
    model = build_model(name, num_classes=10)
    height, width = size or model.input_size
    frames = torch.randint(0, 256, (2, model.frames or 4, 3, height, width), dtype=torch.uint8)
    kernel_check._known_errors.clear()  # networks share convolutions; each row holds a whole search
    began = time.process_time()
    wrong = kernel_check.wrong_convolutions(model, frames, torch.zeros(2, dtype=torch.int64), measure_3d=True)
    return {
        "clip": list(frames.shape[1:2] + frames.shape[3:]),
        "convolutions": sum(isinstance(module, nn.Conv2d | nn.Conv3d) for module in model.modules()),
        "wrong": {layer: round(error, 3) if error == error else "nan" for layer, error in wrong.items()},
        "processor_seconds": round(time.process_time() - began, 1),
    }


def has_three_dimensions(name: str) -> bool:
    with torch.device("meta"):
        return any(isinstance(module, nn.Conv3d) for module in build_model(name).modules())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", help="names of networks")
    parser.add_argument("--all", action="store_true", help="every network")
    parser.add_argument("--size", type=int, nargs=2, help="height and width (default: of the network)")
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    logging.getLogger("videoreid").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    record = json.loads(args.results.read_text(encoding="utf-8")) if args.results.exists() else {}
    record["setting"] = {"torch": torch.__version__, "processor": platform.machine(), "threads": 1}
    names = args.only or [name for name in list_models() if args.all or has_three_dimensions(name)]
    for name in names:
        key = name if args.size is None else f"{name} {args.size[0]}x{args.size[1]}"
        record.setdefault("networks", {})[key] = search(name, tuple(args.size) if args.size else None)
        atomic_write_text(args.results, json.dumps(record, indent=1) + "\n")
        print(key, json.dumps(record["networks"][key]), flush=True)


if __name__ == "__main__":
    main()
