"""Measure host memory over a long training of a parser: the resident set of the training process and of its reader.

Reader, transform, criterion, engine with moving average, and schedule are those of a real training; only network and
pictures are small, because they cannot be the cause of growing memory.
Usage: python benchmarks/parsing_memory.py --world /tmp/lip [--steps 5000] [--workers 1]
"""

import argparse
import json
import multiprocessing
from pathlib import Path

import torch

from videoreid.data.datasets import build_parsing_dataset
from videoreid.data.datasets.synthetic import write_lip
from videoreid.engine import Engine, TrainSettings
from videoreid.models import build_model
from videoreid.parsing import ParsingCriterion, ParsingTransform, parsing_loader, poly_schedule

RESULTS = Path(__file__).parent / "results" / "parsing_memory.json"


def resident_mib(process="self"):
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--world", type=Path, required=True, help="LIP layout; made if absent")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    if not (args.world / "train_id.txt").is_file():
        write_lip(args.world)
    torch.manual_seed(0)
    model = build_model("ce2p_resnet18_half", num_classes=20, head_channels=16)
    transform = ParsingTransform(size=(32, 16))
    pairs = build_parsing_dataset("lip", args.world).train
    loader = parsing_loader(pairs, table="lip20", transform=transform, batch_size=2, workers=args.workers)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    settings = TrainSettings(precision="float32", schedule="step", ema_decay=0.99)
    engine = Engine(
        model,
        ParsingCriterion(lovasz_weight=1.0, hard_share=0.1),
        optimizer,
        poly_schedule(optimizer, args.steps),
        settings=settings,
        device="cpu",
    )
    rows = []

    def watch(event):
        if event.kind == "step" and event.step % 250 == 0:
            readers = [resident_mib(child.pid) for child in multiprocessing.active_children()]
            rows.append(
                {
                    "step": event.step,
                    "MiB": round(resident_mib(), 1),
                    "readers": [round(r, 1) for r in readers],
                }
            )
            print(rows[-1], flush=True)

    epochs = -(-args.steps // len(loader))
    engine.fit(loader, epochs, max_steps=args.steps, callbacks=[watch], progress=False)
    args.output.write_text(json.dumps({"workers": args.workers, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
