"""Measure which image networks are faster channels-last on a CPU: median CPU time relative to the contiguous layout.

OMP_NUM_THREADS=1 python benchmarks/memory_layout.py osnet_x0_25 osnet_x1_0 mobilenetv2_x1_0 resnet18
"""

import json
import platform
import statistics
import sys
import time
from pathlib import Path

import torch

from videoreid.models import build_model
from videoreid.models.base import ReIDModel

RESULTS = Path(__file__).parent / "results" / "memory_layout.json"
SHAPE = (16, 1, 3, 128, 64)
REPEATS = 7


def cpu_seconds(model: ReIDModel, frames: torch.Tensor, *, train: bool) -> float:
    start = time.process_time()
    if train:
        model.zero_grad(set_to_none=True)
        model(frames).logits[0].logsumexp(1).mean().backward()
    else:
        with torch.inference_mode():
            model(frames)
    return time.process_time() - start


def compare(name: str, *, train: bool) -> float:
    """Return the time channels-last over the time contiguous, the two measured in turn."""
    model = build_model(name, 7).train(train)
    frames = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(REPEATS):
        for last in times:
            model.channels_last_on_cpu = last
            times[last].append(cpu_seconds(model, frames, train=train))
    return statistics.median(times[True]) / statistics.median(times[False])


def main() -> None:
    ratios = {
        name: {mode: round(compare(name, train=mode == "train"), 2) for mode in ("train", "eval")}
        for name in sys.argv[1:] or ["osnet_x0_25", "osnet_x1_0", "mobilenetv2_x1_0", "resnet18"]
    }
    record = {
        "shape": SHAPE,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "ratios": ratios,
    }
    RESULTS.write_text(
        json.dumps({**record, "machine": platform.processor() or platform.machine()}, indent=1) + "\n"
    )
    print(json.dumps(ratios, indent=1))


if __name__ == "__main__":
    main()
