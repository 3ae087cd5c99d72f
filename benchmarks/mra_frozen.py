"""Measure the effect of each module of MRA on a trained and then frozen trunk, so that only the modules differ.

    python benchmarks/mra_frozen.py

A cheaper companion of mra_ablation.py: a half-width ResNet-18 is trained on one world as a frame classifier; its maps
of another world are computed once, and every network trains only on these maps. GCM is left out, because its motion
modules are inside the trunk.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import mra_ablation as ablation
import torch
from torch import Tensor, nn

from videoreid.data import ClipDataset, PKSampler, build_transform, eval_loader, train_loader
from videoreid.data.datasets.synthetic import synthetic
from videoreid.engine import step
from videoreid.functional import normalise_frames
from videoreid.losses import TripletCriterion
from videoreid.metrics import evaluate_features
from videoreid.models.base import ReIDModel
from videoreid.types import Clip, Features
from videoreid.utils import atomic_write_text, seed_everything

TRUNK_WORLD, TRUNK_ITERATIONS, TRUNK_BATCH = {"identities": 160, "seed": 100}, 80, 32
ITERATIONS, LEARNING_RATE = 150, 2e-3
NETWORKS = [name for name in ablation.MODELS if name != "gcm"]
RESULTS = Path(__file__).parent / "results" / "mra_frozen.json"


class MapsAsFrames(nn.Module):
    """Stand in for a trunk: what comes in are its maps."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.float()


def optimise(model: nn.Module, batches: Any, losses_of: Any, iterations: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, weight_decay=ablation.WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, iterations, pct_start=0.15)
    model.train()
    done = epoch = 0
    while done < iterations:
        for batch in batches(epoch):
            loss = losses_of(batch)["loss"]
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            done += 1
            if done == iterations:
                break
        epoch += 1


def train_trunk(work: Path) -> ReIDModel:
    """Train the bare network on single frames of another world."""
    splits = synthetic(work, **TRUNK_WORLD)
    seed_everything(100)
    model = ablation.build("mra without all three", splits.num_train_pids)
    transform = build_transform("basic", ablation.SIZE, train=True)
    loader = train_loader(splits.train, batch_size=TRUNK_BATCH, num_frames=1, transform=transform, seed=100)
    criterion = TripletCriterion(distance="cosine")

    def batches(epoch: int) -> Any:
        loader.set_epoch(epoch)
        return loader

    optimise(model, batches, lambda clip: step(model, criterion, clip), TRUNK_ITERATIONS)
    return model.eval()


@torch.inference_mode()
def maps_of(trunk: nn.Module, loader: Any) -> Clip:
    """Return the maps of every clip of a loader as if they were its frames."""
    parts = [clip._replace(frames=trunk(normalise_frames(clip.frames))) for clip in loader]
    return Clip(*(torch.cat(column) for column in zip(*parts, strict=True)))


def learn(name: str, seed: int, clips: list[Clip], tracklets: Any, classes: int) -> ReIDModel:
    """Train one network on maps; odd epochs see another clip of each tracklet, half of the batches are mirrored."""
    seed_everything(seed)
    model = ablation.build(name, classes)
    model.backbone = MapsAsFrames()
    sampler = PKSampler(tracklets, batch_size=ablation.BATCH, instances=ablation.INSTANCES, seed=seed)
    criterion = TripletCriterion(distance="cosine")

    def batches(epoch: int) -> Any:
        sampler.set_epoch(epoch)
        source = clips[epoch % len(clips)]
        rows = torch.tensor(list(sampler)).reshape(-1, ablation.BATCH)
        return [Clip(*(column[row] for column in source)) for row in rows]

    def losses(clip: Clip) -> Any:
        frames = clip.frames.flip(-1) if torch.rand(()) < 0.5 else clip.frames
        return criterion(model.forward_clips(frames), clip)

    optimise(model, batches, losses, ITERATIONS)
    return model.eval()


@torch.inference_mode()
def score(model: ReIDModel, query: Clip, gallery: Clip, protocol: str) -> dict[str, Any]:
    features = [
        Features(model.forward_clips(clip.frames).embedding, clip.pid.numpy(), clip.camid.numpy())
        for clip in (query, gallery)
    ]
    details = {"frames": f"{ablation.NUM_FRAMES} evenly"}
    ranking = evaluate_features(*features, protocol=protocol, dataset="synthetic", details=details)
    return {
        "mAP": ranking.mean_average_precision,
        "rank1": ranking.rank(1),
        "protocol": ranking.protocol_line,
    }


def table(results: list[dict[str, Any]]) -> str:
    lines = ["| network | mAP | Rank-1 | seeds |", "|---|---|---|---|"]
    for name in NETWORKS:
        rows = [row for row in results if row["model"] == name]
        if rows:
            scores = " | ".join(ablation.spread([row[key] for row in rows]) for key in ("mAP", "rank1"))
            lines.append(f"| {name} | {scores} | {len(rows)} |")
    height, width = ablation.SIZE
    setting = (
        f"Fixed {ablation.BACKBONE} trunk ({TRUNK_ITERATIONS} batches of {TRUNK_BATCH} frames of another world), "
        f"{height} x {width}, T = {ablation.NUM_FRAMES}, {ITERATIONS} batches of {ablation.BATCH} clips; mean ± "
        "standard deviation over the seeds."
    )
    return "\n".join([setting, "", *lines, "", *sorted({row["protocol"] for row in results}), ""])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "videoreid_mra_ablation")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    trunk = train_trunk(args.work).backbone
    splits = synthetic(args.work, **ablation.WORLD)
    transform = build_transform("basic", ablation.SIZE, train=False)
    options = {"num_frames": ablation.NUM_FRAMES, "transform": transform}
    clips = []
    for seed in (0, 1):
        dataset = ClipDataset(splits.train, sampling="random_crop", seed=seed, **options)
        clips.append(maps_of(trunk, torch.utils.data.DataLoader(dataset, batch_size=32)))
    query, gallery = (maps_of(trunk, eval_loader(part, **options)) for part in (splits.query, splits.gallery))
    results = []
    for name in NETWORKS:
        for seed in ablation.SEEDS:
            model = learn(name, seed, clips, splits.train, splits.num_train_pids)
            results.append({"model": name, "seed": seed, **score(model, query, gallery, splits.protocol)})
            print(results[-1], flush=True)
    atomic_write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    text = table(results)
    atomic_write_text(RESULTS.with_suffix(".md"), text)
    print(text)


if __name__ == "__main__":
    main()
