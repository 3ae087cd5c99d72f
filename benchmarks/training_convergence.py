"""Compare the accuracy of float32 NCHW and bfloat16 channels-last training, with the same budget and three seeds.

The script trains from scratch on the embedded world and scores held-out people; it also reports the share of time that
training waited for data. Accuracy counts as equal if the means differ by less than the spread of the seeds.

Usage: python benchmarks/training_convergence.py [--model resnet18] [--steps 300] [--workers 1]
"""

import argparse
import json
import statistics
from pathlib import Path

import torch

from videoreid.data import build_transform, eval_loader, train_loader
from videoreid.data.datasets import build_dataset
from videoreid.engine import Engine, TrainSettings
from videoreid.losses import SoftmaxCriterion
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer
from videoreid.utils import seed_everything

SIZE, FRAMES = (96, 48), 4
BATCH, INSTANCES, LEARNING_RATE = 32, 2, 3e-3
SETTINGS = {
    "float32, NCHW": {"precision": "float32", "channels_last": False},
    "bfloat16, channels last": {"precision": "bfloat16"},
}
RESULTS = Path(__file__).parent / "results"


def train(splits, seed, args, settings):
    """Return mAP, Rank-1 and the share of waiting of one run."""
    seed_everything(seed)
    augment, plain = (build_transform("basic", SIZE, train=train) for train in (True, False))
    loader = train_loader(
        splits.train, batch_size=BATCH, num_frames=1, instances=INSTANCES, sampling="random", transform=augment,
        workers=args.workers, seed=seed,
    )  # fmt: skip
    query, gallery = (
        eval_loader(part, num_frames=FRAMES, transform=plain) for part in (splits.query, splits.gallery)
    )
    model = build_model(args.model, num_classes=splits.num_train_pids)
    optimizer = build_optimizer(model, "adamw", args.learning_rate)
    warm_up = max(1, args.steps // 8)
    schedule = build_lr_scheduler(
        optimizer, "cosine", max_epoch=args.steps, warmup="linear", warmup_epochs=warm_up
    )
    settings = TrainSettings(schedule="step", clip_norm=5.0, **settings)
    engine = Engine(model, SoftmaxCriterion(), optimizer, schedule, settings=settings, device=args.device)
    waits = []

    def note(event):
        if event.kind == "epoch":
            waits.append(event.values["data_wait"])

    engine.fit(loader, args.steps, max_steps=args.steps, callbacks=[note], progress=False)
    ranking = engine.evaluate(query, gallery, protocol=splits.protocol, dataset=splits.name, progress=False)
    return {
        "mAP": ranking.mean_average_precision,
        "rank1": ranking.rank(1),
        "data_wait": statistics.mean(waits),
        "protocol": ranking.protocol_line,
    }


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default="osnet_x0_25", help="a network that is trained from random weights"
    )
    parser.add_argument(
        "--identities", type=int, default=150, help="people of the world, 60 %% are trained on"
    )
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--root", type=Path)
    return parser.parse_args()


def main():
    args = parse_arguments()
    splits = build_dataset("synthetic", args.root, identities=args.identities)
    table = {}
    for name, settings in SETTINGS.items():
        runs = []
        for seed in args.seeds:
            runs.append(train(splits, seed, args, settings))
            print(name, seed, json.dumps(runs[-1]), flush=True)
        table[name] = {
            key: {
                "mean": round(statistics.mean(run[key] for run in runs), 4),
                "spread": round(statistics.stdev(run[key] for run in runs), 4),
                "by_seed": [round(run[key], 4) for run in runs],
            }
            for key in ("mAP", "rank1", "data_wait")
        }
        table[name]["protocol"] = runs[0]["protocol"]
        print(name, json.dumps(table[name]), flush=True)
    setting = {
        "model": args.model,
        "identities": args.identities,
        "size": SIZE,
        "batch": BATCH,
        "steps": args.steps,
        "learning_rate": args.learning_rate,
    }
    setting |= {
        "workers": args.workers,
        "seeds": args.seeds,
        "torch": torch.__version__,
        "device": args.device,
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"setting": setting, "runs": table}, indent=1) + "\n"
    (RESULTS / f"training_convergence_{args.model}.json").write_text(text)


if __name__ == "__main__":
    main()
