"""Measure the effect of part visibility under heavy occlusion: whole pictures against visible parts.

Each seed makes a world and trains a small network on it. In the test, an obstacle hides a large part of every query and
of half of the gallery (`Obstacle`); everything else is equal. The parser was trained on another world
(examples/train_ce2p.py). Usage:
python benchmarks/parsing_occlusion.py --parser runs/ce2p/model --work /tmp/occlusion [--seeds 0 1 2] [--steps 400]
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from videoreid.data import ClipTransform, build_transform, eval_loader, train_loader
from videoreid.data.datasets import build_dataset
from videoreid.data.transforms import Resize
from videoreid.engine import Engine, TrainSettings, extract_features
from videoreid.losses import TripletCriterion
from videoreid.metrics import evaluate_features
from videoreid.models import build_model, from_pretrained
from videoreid.parsing import LABEL_TABLES, RECIPES
from videoreid.parsing.features import PartMaps, VisiblePartMatching, VisibleParts, split_parts
from videoreid.types import Features
from videoreid.utils import seed_everything

MODEL, SIZE, FRAMES = "osnet_x0_25", (128, 64), 4
RESULTS = Path(__file__).parent / "results" / "parsing_occlusion.json"


@dataclass(frozen=True)
class Obstacle:
    """Hide a part of a clip behind one obstacle: from below, from the left or from the right, a third to three fifths.

    Args:
        p: share of the clips that are hidden.
        stream: names the draws; queries and gallery have their own, or row i of both would hide behind one obstacle.
    """

    p: float
    stream: int

    def __call__(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Return ``(T, 3, H, W)`` uint8 with the obstacle in every frame."""
        generator = np.random.default_rng([self.stream, int(generator.integers(2**31))])
        chance, side = generator.random(), int(generator.integers(3))
        share = generator.uniform(1 / 3, 3 / 5)
        colour = generator.integers(30, 226, (3, 1, 1))
        noise = (
            generator.normal(0, 12, (3, frames.shape[2] // 4, frames.shape[3] // 4)).repeat(4, 1).repeat(4, 2)
        )
        if chance >= self.p:
            return frames
        texture = torch.from_numpy(np.clip(colour + noise, 0, 255).astype(np.uint8))
        frames = frames.clone()
        height, width = frames.shape[2:]
        if side == 0:
            frames[:, :, height - round(share * height) :] = texture[:, height - round(share * height) :]
        elif side == 1:
            frames[:, :, :, : round(share * width)] = texture[:, :, : round(share * width)]
        else:
            frames[:, :, :, width - round(share * width) :] = texture[:, :, width - round(share * width) :]
        return frames


def train(splits, seed, args):
    path = args.work / f"network-{seed}-{args.steps}.pt"
    seed_everything(seed)
    model = build_model(MODEL, num_classes=splits.num_train_pids)
    if path.is_file():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model
    transform = build_transform("strong", SIZE, train=True)
    loader = train_loader(splits.train, batch_size=16, num_frames=2, transform=transform, seed=seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=5e-4)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)
    settings = TrainSettings(precision="float32", schedule="step")
    engine = Engine(model, TripletCriterion(0.3), optimizer, decay, settings=settings, device="cpu")
    engine.fit(loader, -(-args.steps // len(loader)), max_steps=args.steps)
    torch.save(model.state_dict(), path)
    return model


def typical(model, parts, tracklets):
    """Return the median share of each part over the training pictures, as the network sees them."""
    whole = VisibleParts(model, parts).eval()
    features = embed(whole, tracklets, 0.0, 0)
    _, seen = split_parts(features.embeddings, whole.num_parts)
    return seen[:, 1:].median(0).values


def embed(model, tracklets, hidden, stream):
    transform = ClipTransform([Resize(SIZE), Obstacle(hidden, stream)])
    loader = eval_loader(tracklets, num_frames=FRAMES, transform=transform)
    return extract_features(model, loader, progress=False, device="cpu")


def columns(features, vectors):
    return Features(vectors, features.pids, features.camids, features.times, features.end_times)


def rate(query, gallery, splits, **options):
    ranking = evaluate_features(query, gallery, protocol=splits.protocol, dataset=splits.name, **options)
    print(ranking.protocol_line, flush=True)
    return {"mAP": round(ranking.mean_average_precision, 4), "rank1": round(ranking.rank(1), 4)}


def compare(model, parts, splits, hidden):
    """Return the scores of several ways to compare, all on the same pictures and by the same network."""
    shares = typical(model, parts, splits.train[::8])
    sides = [(splits.query, hidden[0], 1), (splits.gallery, hidden[1], 2)]
    rows = {"global embedding": rate(*(embed(model, *side) for side in sides), splits)}
    net = VisibleParts(model, parts, typical=shares, head=model.fc).eval()
    seen = [embed(net, *side) for side in sides]
    halves = [split_parts(features.embeddings, net.num_parts) for features in seen]
    foreground = [columns(features, half[0][:, 0]) for features, half in zip(seen, halves, strict=True)]
    rows["foreground alone"] = rate(*foreground, splits)
    joined = [
        columns(features, torch.nn.functional.normalize(half[0], dim=2).flatten(1))
        for features, half in zip(seen, halves, strict=True)
    ]
    rows["parts side by side"] = rate(*joined, splits)
    rows["parts by visibility"] = rate(*seen, splits, refiners=[VisiblePartMatching(net.num_parts)])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--parser", type=Path, help="folder of save_pretrained; without it, only the networks are trained"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for worlds and networks")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--identities", type=int, default=120)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    results = {"model": MODEL, "identities": args.identities, "steps": args.steps, "runs": {}}
    for seed in args.seeds:
        # worlds 100 and up: none is the one that the parser learnt from
        splits = build_dataset("synthetic", args.work, identities=args.identities, seed=100 + seed, frames=8)
        model = train(splits, seed, args)
        if args.parser is None:
            continue
        network = from_pretrained(args.parser)
        size = RECIPES["two_cores"].transform.size
        parts = PartMaps(network, LABEL_TABLES["spreid5"], size=size)
        results["runs"][str(seed)] = {
            "as filmed": compare(model, parts, splits, (0.0, 0.0)),
            "hidden": compare(model, parts, splits, (1.0, 0.5)),
        }
        print(seed, json.dumps(results["runs"][str(seed)], indent=1), flush=True)
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
