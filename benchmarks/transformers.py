"""Measure the cost of the transformers on one core: FLOPs, time, and memory with and without gradient checkpointing.

    python benchmarks/transformers.py speed            parameters, GFLOP and processor seconds of a clip, eval mode
    python benchmarks/transformers.py memory           peak memory of one training step, each in a process of its own
    python benchmarks/transformers.py step --name clipreid_vit_b16 --checkpointing 1

Seconds are processor time of one thread (`time.process_time`), so other work on the machine has little effect. Memory
is the peak resident set of the process minus what it held before the step.
"""

import argparse
import resource
import subprocess
import sys
import time

import torch

from videoreid.models import build_model, count_parameters, flops_per_clip

SPEED = [
    ("transreid_vit_s16", {}, 1),
    ("transreid_vit_b16", {}, 1),
    ("transreid_vit_b16", {"stride": 12, "jpm": True}, 1),
    ("pass_vit_b16", {}, 1),
    ("solider_swin_tiny", {}, 1),
    ("solider_swin_base", {}, 1),
    ("clipreid_vit_b16", {}, 1),
    ("clipreid_rn50", {}, 1),
    ("tfclip_vit_b16", {}, 8),
    ("cavit_vit_b16", {}, 8),
]
MEMORY = ["transreid_vit_s16", "transreid_vit_b16", "solider_swin_tiny"]
BATCH = 4


def frames_for(model, batch, length):
    return torch.randn(batch, length, 3, *model.input_size, generator=torch.Generator().manual_seed(0))


@torch.inference_mode()
def speed(repeats):
    print("| network | options | frames | parameters | GFLOP per clip | processor seconds per clip |")
    print("|---|---|---|---|---|---|")
    for name, options, length in SPEED:
        torch.manual_seed(0)
        model = build_model(name, 1, **options).eval()
        clip = frames_for(model, 1, length)
        gflop = flops_per_clip(model, frames=length) / 1e9
        model(clip)
        began = time.process_time()
        for _ in range(repeats):
            model(clip)
        seconds = (time.process_time() - began) / repeats
        said = ", ".join(f"{key}={value}" for key, value in options.items())
        parameters = count_parameters(model) / 1e6
        print(
            f"| `{name}` | {said} | {length} | {parameters:.1f} M | {gflop:.1f} | {seconds:.2f} |", flush=True
        )


def step(name, *, checkpointing):
    """Print the peak memory of one training step in MiB."""
    torch.manual_seed(0)
    model = build_model(name, 10, gradient_checkpointing=checkpointing).train()
    clip = frames_for(model, BATCH, 1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    output = model(clip)
    sum(logits.logsumexp(1).mean() for logits in output.logits).backward()
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{(peak - before) / 1024:.0f} {seconds:.1f}")


def memory():
    print("| network | batch | kept as usual | checkpointed | processor seconds, usual and checkpointed |")
    print("|---|---|---|---|---|")
    for name in MEMORY:
        cells = []
        for checkpointing in (0, 1):
            command = [
                sys.executable,
                __file__,
                "step",
                "--name",
                name,
                "--checkpointing",
                str(checkpointing),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            cells.append(done.stdout.split())
        (plain, first), (saved, second) = cells
        print(f"| `{name}` | {BATCH} frames | {plain} MiB | {saved} MiB | {first}, {second} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["speed", "memory", "step"])
    parser.add_argument("--name", default="clipreid_vit_b16")
    parser.add_argument("--checkpointing", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.what == "speed":
        speed(args.repeats)
    elif args.what == "memory":
        memory()
    else:
        step(args.name, checkpointing=bool(args.checkpointing))
