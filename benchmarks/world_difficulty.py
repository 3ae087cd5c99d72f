"""Measure the difficulty of the embedded world with colour histograms and an untrained network, over several worlds.

With same-camera impostors in the gallery, Rank-1 of the histogram should lie between 5 and 40 %, and of the untrained
network below 20 %. Usage: python benchmarks/world_difficulty.py [--seeds 0 1 2 3 4] [--identities 250]
"""

import argparse
import json
import tempfile
from pathlib import Path

import torch

from videoreid.data import build_transform, eval_loader
from videoreid.data.colour_histogram import histogram_features
from videoreid.data.datasets import build_dataset
from videoreid.engine import extract_features
from videoreid.metrics import evaluate_features
from videoreid.models import build_model
from videoreid.utils import seed_everything

MODEL, SIZE, FRAMES = "osnet_x0_25", (128, 64), 4
RESULTS = Path(__file__).parent / "results" / "world_difficulty.json"


def score(query, gallery, splits, distance):
    ranking = evaluate_features(
        query, gallery, protocol=splits.protocol, dataset=splits.name, distance=distance
    )
    return {"mAP": round(ranking.mean_average_precision, 4), "rank1": round(ranking.rank(1), 4)}


def embed(model, tracklets):
    transform = build_transform("basic", SIZE, train=False)
    return extract_features(
        model, eval_loader(tracklets, num_frames=FRAMES, transform=transform), progress=False
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--identities", type=int, default=250)
    args = parser.parse_args()
    kept = json.loads(RESULTS.read_text())["worlds"] if RESULTS.is_file() else {}
    results = {"identities": args.identities, "torch": torch.__version__, "worlds": kept}
    for seed in args.seeds:
        with tempfile.TemporaryDirectory() as root:
            splits = build_dataset("synthetic", root, identities=args.identities, seed=seed)
            seed_everything(seed)
            model = build_model(MODEL, num_classes=1)
            parts = (splits.query, splits.gallery)
            results["worlds"][str(seed)] = {
                "queries": len(splits.query),
                "gallery": len(splits.gallery),
                "colour_histogram": score(*(histogram_features(part) for part in parts), splits, "euclidean"),
                "untrained": score(*(embed(model, part) for part in parts), splits, "cosine"),
            }
        print(seed, results["worlds"][str(seed)], flush=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
