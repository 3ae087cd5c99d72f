"""Test the study's order of error causes with a small network on the synthetic world and on footage.

Each of four known troubles affects a third of the tracklets, independently; clothes are unchanged. The network is
trained on this world as in `videoreid demo`; "pretrained" uses the weights in ../shared/data/weights instead. Causes
are measured twice: by the proxies from pixels, and by the ground truth of the world. The footage is
../shared/data/pets_s2l1 with the pretrained network, with its tracks cut in two; it has no ground truth.
Usage: python benchmarks/error_causes.py [--identities 100] [--steps 160] [--work FOLDER] [--parts world footage]
"""

import argparse
import csv
import json
from functools import partial
from pathlib import Path

import numpy as np
import scipy.io
import torch

from videoreid.analysis import (
    AnalysisSettings,
    analyse_errors,
    best_true_matches,
    fit_logistic,
    variance_inflation,
)
from videoreid.data import ClipTransform, FrameReader, build_transform, eval_loader, train_loader
from videoreid.data.datasets import build_dataset
from videoreid.data.transforms import HorizontalFlip, PadCrop, Resize
from videoreid.engine import Engine, TrainSettings, extract_features
from videoreid.footage import crop_tracklets, read_tracks, split_tracks
from videoreid.losses import SoftmaxCriterion
from videoreid.metrics import evaluate_features
from videoreid.models import build_model, load_weights
from videoreid.optim import build_lr_scheduler, build_optimizer
from videoreid.utils import seed_everything

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "error_causes.json"
SHARED = ROOT.parent / "shared" / "data"
KNOBS = ("occluders", "second_walkers", "low_resolution", "low_light")
TRUTH = ("occluded", "second_person", "native_height", "exposure", "clothing_darkness")
LIMITS = {
    "occluded": 0.25,
    "second_person": 0.35,
    "native_height": -64.0,
    "exposure": -0.5,
    "clothing_darkness": 0.65,
}


def features_of(model, splits, size=(128, 64), num_frames=2):
    transform = build_transform("basic", size, train=False)
    parts = splits.query, splits.gallery
    return [
        extract_features(
            model,
            eval_loader(part, num_frames=num_frames, transform=transform, batch_size=16),
            progress=False,
        )
        for part in parts
    ]


def train(splits, steps):
    seed_everything(0)
    model = build_model("osnet_x0_25", num_classes=splits.num_train_pids)
    loader = train_loader(
        splits.train,
        batch_size=32,
        num_frames=1,
        instances=2,
        sampling="random",
        transform=ClipTransform([Resize((128, 64)), HorizontalFlip(), PadCrop(6)]),  # as in the demo
        seed=0,
    )
    optimizer = build_optimizer(model, "adamw", 3e-3, weight_decay=5e-4)
    schedule = build_lr_scheduler(
        optimizer, "cosine", max_epoch=steps, warmup="linear", warmup_epochs=max(1, steps // 8)
    )
    settings = TrainSettings(precision="float32", schedule="step", clip_norm=5.0)
    engine = Engine(model, SoftmaxCriterion(), optimizer, schedule, settings=settings)
    engine.fit(loader, epochs=-(-steps // len(loader)), max_steps=steps)
    return model


def analyse(splits, features, details, settings):
    protocol = splits.protocol
    ranking = evaluate_features(*features, protocol=protocol, dataset=splits.name, details=details, top_k=3)
    matches = best_true_matches(*features, protocol=protocol)
    analysis = analyse_errors(
        ranking,
        splits.query,
        splits.gallery,
        read_frames=FrameReader().read,
        best_matches=matches,
        settings=settings,
    )
    return analysis, matches


def truth_of(root, splits):
    """Return the table of the world's truth for queries and gallery, by the first frame of each tracklet."""
    rows = [row for row in csv.DictReader((root / "info/tracks_truth.csv").open()) if row["split"] == "test"]
    table = scipy.io.loadmat(root / "info/tracks_test_info.mat")["track_test_info"]
    names = (root / "info/test_name.txt").read_text().split()
    by_frame = {names[start - 1]: row for (start, *_), row in zip(table, rows, strict=True)}
    return [
        {name: np.array([float(by_frame[Path(t.frames[0]).name][name]) for t in side]) for name in TRUTH}
        for side in (splits.query, splits.gallery)
    ]


def causes_by_truth(analysis, matches, truth):
    """Return points of Rank-1 and the regression by what was drawn, not by what was measured."""
    scored = np.flatnonzero(analysis.ranking.scored & (matches >= 0))
    failure = analysis.ranking.first_match[scored] != 1
    sign = {name: -1.0 if limit < 0 else 1.0 for name, limit in LIMITS.items()}
    worst = {
        name: np.fmax(sign[name] * truth[0][name][scored], sign[name] * truth[1][name][matches[scored]])
        for name in TRUTH
    }
    matrix = np.column_stack(
        [np.log2(-values) * -1 if name == "native_height" else values for name, values in worst.items()]
    )
    known = np.isfinite(matrix).all(axis=1)
    matrix = (matrix - matrix[known].mean(0)) / matrix[known].std(0)
    product = matrix[:, 3] * matrix[:, 4]
    fit = fit_logistic(matrix[known], failure[known], names=TRUTH)
    both = fit_logistic(
        np.column_stack([matrix, product])[known],
        failure[known],
        names=[*TRUTH, "exposure x clothing_darkness"],
    )
    rows = {}
    for place, name in enumerate(TRUTH):
        touched = worst[name] > LIMITS[name]
        rows[name] = {
            "coverage": round(float(touched.mean()), 3),
            "rank1_touched": round(1 - float(failure[touched].mean()), 3),
            "rank1_points": round(100 * float(failure.mean() - failure[~touched].mean()), 1),
            "log_odds": [
                round(float(values[place + 1]), 3) for values in (fit.coefficients, fit.low, fit.high)
            ],
            "vif": round(float(variance_inflation(matrix[known])[place]), 2),
        }
    last = [round(float(values[-1]), 3) for values in (both.coefficients, both.low, both.high)]
    return {"causes": rows, "interaction_dark_scene_dark_clothes": last}


def footage(args):
    """Return the figures on the footage: the first two fifths of every track ask for its last two."""
    data = SHARED / "pets_s2l1"
    tracks = read_tracks(data / "tracks.txt")
    splits = split_tracks(crop_tracklets(data / "video.avi", tracks, args.work / "pets"), 0.4)
    model = build_model("osnet_x0_25")
    load_weights(model, SHARED / "weights/osnet_x0_25_msmt17.pth", partial=True)
    details = {"model": "osnet_x0_25", "weights": "msmt17"}
    settings = AnalysisSettings(frames=args.frames, min_failures=5)
    analysis, _ = analyse(splits, features_of(model, splits, (256, 128), num_frames=4), details, settings)
    analysis.write_page(args.work / "footage.html", read_frames=FrameReader().read)
    analysis.write_csv(args.work / "footage.csv")
    return {"line": analysis.summary(), "by_proxies": analysis.to_dict()}


def world(args, *, pretrained=False):
    """Return the figures on the world, by proxies and by truth."""
    options = {
        "identities": args.identities,
        "seed": 0,
        "frames": 4,
        "train_share": 0.5,
        **dict.fromkeys(KNOBS, 0.33),
    }
    splits = build_dataset("synthetic", args.work, **options)
    kept = args.work / f"network-{args.identities}-{args.steps}.pt"
    if pretrained:
        model = build_model("osnet_x0_25")
        load_weights(model, SHARED / "weights/osnet_x0_25_msmt17.pth", partial=True)
    elif kept.is_file():
        model = build_model("osnet_x0_25", num_classes=splits.num_train_pids)
        model.load_state_dict(torch.load(kept, weights_only=True))
    else:
        model = train(splits, args.steps)
        torch.save(model.state_dict(), kept)
    details = {"model": "osnet_x0_25", "weights": "msmt17" if pretrained else f"{args.steps} steps"}
    analysis, matches = analyse(
        splits, features_of(model, splits), details, AnalysisSettings(frames=args.frames)
    )
    analysis.write_page(
        args.work / ("pretrained.html" if pretrained else "world.html"), read_frames=FrameReader().read
    )
    root = next(args.work.glob(f"synthetic-i{args.identities}-s0*"))
    return {
        "options": options,
        "line": analysis.summary(),
        "by_proxies": analysis.to_dict(),
        "by_truth": causes_by_truth(analysis, matches, truth_of(root, splits)),
    }


PARTS = {"world": world, "pretrained": partial(world, pretrained=True), "footage": footage}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--identities", type=int, default=100)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("error_causes"))
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    args = parser.parse_args()
    for part in args.parts:
        found = PARTS[part](args)
        results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
        results[part] = found
        settings = f"--identities {args.identities} --steps {args.steps} " if part != "footage" else ""
        results[part]["command"] = (
            f"python benchmarks/error_causes.py {settings}--frames {args.frames} --parts {part}"
        )
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        print(part, results[part]["line"], flush=True)


if __name__ == "__main__":
    main()
