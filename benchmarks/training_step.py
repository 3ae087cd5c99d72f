"""Compare time and memory of a training step of the engine with the plain loop of an image re-ID library.

The plain loop works in float32 and NCHW, gets frames that were normalised on the CPU, mines the hardest pairs image
by image, and steps an optimiser that is not fused. The engine gets uint8 frames and is measured setting by setting.
Each variant runs in a separate process, in turns; ratios and medians are reported. Variants whose name ends with
"freed memory reused" call `videoreid.utils.reuse_freed_memory` first.

Usage: python benchmarks/training_step.py [--device cuda] [--batch 8] [--frames 4] [--compile]
       python benchmarks/training_step.py --only "plain loop" "engine, bfloat16" --output results.json
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn

from videoreid.engine import Engine, TrainSettings
from videoreid.functional import normalise_frames
from videoreid.losses import TripletCriterion
from videoreid.models import build_model
from videoreid.optim import build_optimizer
from videoreid.types import Clip
from videoreid.utils import reuse_freed_memory

MODEL, CLASSES, SIZE = "resnet50", 625, (256, 128)
WARM_UP = 2
RESULTS = Path(__file__).parent / "results"
VARIANTS = {
    "plain loop": None,
    "engine, float32, NCHW": {"precision": "float32", "channels_last": False},
    "engine, float32": {"precision": "float32"},
    "engine, bfloat16": {"precision": "bfloat16"},
    "plain loop, freed memory reused": None,
    "engine, float32, freed memory reused": {"precision": "float32"},
    "engine, bfloat16, freed memory reused": {"precision": "bfloat16"},
    "engine, bfloat16, compiled": {"precision": "bfloat16"},
}


def make_batch(batch, frames):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (batch, frames, 3, *SIZE), generator=generator, dtype=torch.uint8)
    pids = torch.arange(batch) // 4
    return Clip(pixels, pids, pids * 0, pids.double(), torch.arange(batch))


class LoopTriplet(nn.Module):
    """Batch-hard triplet loss, one image after the other."""

    def __init__(self, margin=0.3):
        super().__init__()
        self.ranking_loss = nn.MarginRankingLoss(margin=margin)

    def forward(self, inputs, targets):
        n = inputs.size(0)
        squares = inputs.pow(2).sum(1, keepdim=True).expand(n, n)
        distances = (
            torch.addmm(squares + squares.t(), inputs, inputs.t(), beta=1, alpha=-2).clamp(min=1e-12).sqrt()
        )
        mask = targets.expand(n, n).eq(targets.expand(n, n).t())
        positives, negatives = [], []
        for i in range(n):
            positives.append(distances[i][mask[i]].max().unsqueeze(0))
            negatives.append(distances[i][mask[i] == 0].min().unsqueeze(0))
        positives, negatives = torch.cat(positives), torch.cat(negatives)
        return self.ranking_loss(negatives, positives, torch.ones_like(negatives))


def plain_step(device, clip):
    """Return a function that does one step of the plain loop."""
    model = build_model(MODEL, CLASSES).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4, weight_decay=5e-4)
    cross_entropy, triplet = nn.CrossEntropyLoss(label_smoothing=0.1), LoopTriplet()
    frames = normalise_frames(clip.frames)  # the loader's work: it is not timed, but moving float frames is

    def step():
        inputs, pids = frames.to(device), clip.pid.to(device)
        output = model(inputs)
        loss = cross_entropy(output.logits[0], pids) + triplet(output.features[0], pids)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def engine_step(device, clip, *, compiled, **settings):
    """Return a function that does one step of the engine."""
    model = build_model(MODEL, CLASSES)
    engine = Engine(
        model,
        TripletCriterion(),
        build_optimizer(model, fused=True),
        settings=TrainSettings(**settings),
        device=device,
    )
    engine.model.train()
    if compiled:
        engine.parallel = torch.compile(engine.model)

    def step():
        moved = Clip(*(values.to(engine.device, non_blocking=True) for values in clip))
        losses = engine.step(moved)
        engine.accelerator.backward(losses["loss"])
        value = losses["loss"].item()
        engine.update()
        return value

    return step


def measure(name, args):
    """Time one variant in this process; return its seconds per step, first losses and memory."""
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    if name.endswith("freed memory reused"):
        reuse_freed_memory()
    clip = make_batch(args.batch, args.frames)
    if VARIANTS[name] is None:
        step = plain_step(args.device, clip)
    else:
        step = engine_step(args.device, clip, compiled="compiled" in name, **VARIANTS[name])
    times, losses = [], []
    for _ in range(WARM_UP + args.steps):
        began = time.perf_counter()
        losses.append(step())
        if args.device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    if args.device == "cuda":
        memory = torch.cuda.max_memory_allocated()
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": times[WARM_UP:], "losses": losses[:3], "memory": memory}


def compare(args):
    """Run the variants in turns, each in its own process, and return a table of ratios."""
    names = args.only or [name for name in VARIANTS if args.compile or "compiled" not in name]
    runs = {name: [] for name in names}
    for _ in range(args.rounds):
        for name in names:
            command = [sys.executable, __file__, "--variant", name, *sys.argv[1:]]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(name, statistics.median(runs[name][-1]["seconds"]), file=sys.stderr, flush=True)
    seconds = {name: statistics.median(s for run in runs[name] for s in run["seconds"]) for name in names}
    memory = {name: statistics.median(run["memory"] for run in runs[name]) for name in names}
    plain = names[0]
    return {
        name: {
            "clips_per_second_over_plain": round(seconds[plain] / seconds[name], 2),
            "memory_over_plain": round(memory[name] / memory[plain], 2),
            "first_losses": [round(value, 4) for value in runs[name][0]["losses"]],
        }
        for name in names
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3, help="turns, a process for each variant in each")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of a turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--compile", action="store_true", help="also measure torch.compile")
    parser.add_argument("--only", nargs="+", choices=tuple(VARIANTS), help="variants; the first is the base")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results/training_step_DEVICE.json")
    parser.add_argument("--variant", choices=tuple(VARIANTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant:
        print(json.dumps(measure(args.variant, args)))
        return
    device = (
        torch.cuda.get_device_name()
        if args.device == "cuda"
        else f"{args.threads} cores, {platform.machine()}"
    )
    setting = {"model": MODEL, "batch": args.batch, "frames": args.frames, "size": SIZE, "device": device}
    setting |= {"rounds": args.rounds, "steps": args.steps}
    result = {"setting": {**setting, "torch": torch.__version__}, "variants": compare(args)}
    RESULTS.mkdir(exist_ok=True)
    output = args.output or RESULTS / f"training_step_{args.device}.json"
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
