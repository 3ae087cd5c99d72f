"""Measure the mAP of one network on the embedded world in float32, float16 and int8 ONNX files.

The network is trained for a few hundred steps, exported in float32 and float16, and quantised to int8 with clips of
training people. All files, and the network itself, embed the same held-out people; file size and frames per second are
measured too.

    python benchmarks/export_precision.py [--model osnet_x0_25] [--steps 200] [--people 60] [--output FILE]
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from videoreid import export
from videoreid.data import ClipDataset, build_transform, eval_loader, train_loader
from videoreid.data.datasets import build_dataset
from videoreid.engine import Engine, TrainSettings, evaluate
from videoreid.losses import SoftmaxCriterion
from videoreid.models import build_model
from videoreid.optim import build_optimizer
from videoreid.types import Splits
from videoreid.utils import seed_everything

SIZE, FRAMES = (96, 48), 4


def train(splits: Splits, args: argparse.Namespace) -> nn.Module:
    """Return a network that has learnt something."""
    seed_everything(0)
    transform = build_transform("basic", SIZE, train=True)
    loader = train_loader(
        splits.train, batch_size=32, num_frames=1, instances=2, sampling="random", transform=transform
    )
    model = build_model(args.model, num_classes=splits.num_train_pids)
    settings = TrainSettings(clip_norm=5.0, precision="float32")
    engine = Engine(
        model,
        SoftmaxCriterion(),
        build_optimizer(model, "adamw", 3e-3),
        settings=settings,
        device="cpu",
    )
    engine.fit(loader, args.steps, max_steps=args.steps, progress=False)
    return model.eval()


def rate(network: nn.Module, clips: torch.Tensor) -> float:
    """Return frames per second of the median of five runs."""
    spent = []
    with torch.no_grad():
        network(clips)
        for _ in range(5):
            start = time.perf_counter()
            network(clips)
            spent.append(time.perf_counter() - start)
    return clips.shape[0] * clips.shape[1] / statistics.median(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="osnet_x0_25")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    splits = build_dataset("synthetic", identities=args.people)
    model = train(splits, args)
    plain = build_transform(size=SIZE, train=False)
    examples = ClipDataset(splits.train, num_frames=FRAMES, sampling="evenly", transform=plain)
    clips = torch.stack([examples[place].frames for place in range(min(len(examples), 64))])
    loaders = [
        eval_loader(part, num_frames=FRAMES, transform=plain) for part in (splits.query, splits.gallery)
    ]
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        files = {kind: Path(name) / f"{kind}.onnx" for kind in ("float32", "float16", "int8")}
        for kind in ("float32", "float16"):
            export.export_model(model, files[kind], size=SIZE, precision=kind)
        cosine = export.quantise_model(files["float32"], files["int8"], clips)
        networks: dict[str, nn.Module] = {"network": model}
        networks |= {kind: export.load(file) for kind, file in files.items()}
        for kind, network in networks.items():
            ranking = evaluate(
                network, *loaders, protocol=splits.protocol, dataset=splits.name, progress=False
            )
            results[kind] = {
                "mAP": ranking.mean_average_precision,
                "rank1": ranking.rank(1),
                "frames_per_second": rate(network, clips[:8]),
                "bytes": files[kind].stat().st_size if kind in files else None,
                "protocol": ranking.protocol_line,
            }
    results |= {"smallest_cosine_int8": cosine, "model": args.model, "steps": args.steps, "size": SIZE}
    text = json.dumps(results, indent=2)
    print(text)
    if args.output:
        args.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
