"""One training step of the frontier networks: clips per second, memory, and the share of the device's bfloat16 rate.

    python benchmarks/frontier_step.py                              every network at its published batch, on the GPU
    python benchmarks/frontier_step.py --networks tfclip_vit_b16 --batch 4 --steps 3 --device cpu
    python benchmarks/frontier_step.py --compile 1                  each also compiled

The engine runs forward, losses, backward and update in bfloat16 on random clips that are already on the device, so
reading of frames is not measured. The rate of the device is measured with a product of two large matrices; a step
counts as three forward passes. Memory is measured only on a GPU.
"""

import argparse
import statistics
import time

import torch

from videoreid.engine import Engine, TrainSettings
from videoreid.losses import TripletCriterion
from videoreid.models import build_model, flops_per_clip
from videoreid.optim import build_optimizer
from videoreid.types import Clip

# network: options, clips of the published batch, frames
NETWORKS = {
    "transreid_vit_b16": ({}, 64, 1),
    "clipreid_vit_b16": ({}, 64, 1),
    "clipreid_rn50": ({}, 64, 1),
    "solider_swin_base": ({}, 64, 1),
    "tfclip_vit_b16": ({}, 16, 8),
    "cavit_vit_b16": ({}, 16, 8),
}
CLASSES, WARM_UP = 625, 2


def synchronise(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def device_rate(device, side):
    """Return the floating-point operations a second of a bfloat16 product of two square matrices."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(5):
        synchronise(device)
        began = time.perf_counter()
        a @ b
        synchronise(device)
        times.append(time.perf_counter() - began)
    return 2 * side**3 / statistics.median(times)


def random_clip(model, batch, frames, device):
    generator = torch.Generator().manual_seed(0)
    size = (batch, frames, 3, *model.input_size)
    pixels = torch.randint(0, 256, size, generator=generator, dtype=torch.uint8).to(device)
    pids = (torch.arange(batch) // 4).to(device)
    return Clip(pixels, pids, pids * 0, pids.double(), torch.arange(batch, device=device))


def measure(name, args, *, compiled):
    """Return clips, frames, clips per second, peak memory in GiB (None without a GPU), operations of a clip's step."""
    options, batch, frames = NETWORKS[name]
    batch, frames = args.batch or batch, args.frames or frames
    if args.height:
        options = {**options, "height": args.height, "width": args.height // 2}
    torch.manual_seed(0)
    model = build_model(name, CLASSES, **options)
    flops = 3 * flops_per_clip(model, frames=frames)
    if args.checkpointing:
        model = build_model(name, CLASSES, **options, gradient_checkpointing=True)
    if compiled:
        model.compile()
    settings = TrainSettings(precision="bfloat16")
    engine = Engine(
        model, TripletCriterion(), build_optimizer(model, "adam", 1e-5), settings=settings, device=args.device
    )
    clip = random_clip(model, batch, frames, engine.device)
    model.train()
    times = []
    for number in range(WARM_UP + args.steps):
        if number == WARM_UP and engine.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        synchronise(engine.device)
        began = time.perf_counter()
        engine.accelerator.backward(engine.step(clip)["loss"])
        engine.update()
        synchronise(engine.device)
        times.append(time.perf_counter() - began)
    seconds = statistics.median(times[WARM_UP:])
    on_gpu = engine.device.type == "cuda"
    memory = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else None
    return batch, frames, batch / seconds, memory, flops


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, help="clips; by default the published batch")
    parser.add_argument("--frames", type=int, help="of a clip; by default the published length")
    parser.add_argument("--height", type=int, help="of the frames; twice their width")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--compile", type=int, default=0)
    parser.add_argument("--checkpointing", type=int, default=0)
    parser.add_argument(
        "--side", type=int, default=8192, help="of the matrices whose product is the device's rate"
    )
    args = parser.parse_args()
    rate = device_rate(torch.device(args.device), args.side)
    print(f"{args.device}: {rate / 1e12:.2f} TFLOP/s in bfloat16\n")
    print("| network | compiled | clips x frames | clips/s | peak memory GiB | share of the rate |")
    print("|---|---|---|---|---|---|")
    for name in args.networks:
        for compiled in (False, True) if args.compile else (False,):
            batch, frames, speed, memory, flops = measure(name, args, compiled=compiled)
            held = "-" if memory is None else f"{memory:.1f}"
            row = (name, "yes" if compiled else "no", f"{batch} x {frames}", f"{speed:.2f}", held)
            print(f"| {' | '.join(row)} | {speed * flops / rate:.0%} |", flush=True)
