"""Train the small network that predicts occlusion and other persons from pixels (`videoreid.analysis.crowding`).

Draws frames of twelve synthetic worlds with obstacles, second walkers, coarse and dim pictures of random strength, and
fits hidden share and area of others. The worlds of benchmarks/attribute_validation.py have other seeds, so other
people, cameras and streets. It takes a quarter of an hour on one core. The file in the package was made by an earlier
form of this script, so a run gives other weights: it replaces the file, and attribute_validation.py must be run again.
Usage: python benchmarks/attribute_network.py [--epochs 30]
"""

import argparse
import base64
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

import videoreid.analysis
from videoreid.analysis.crowding import CHANNELS, crowding_inputs, run_network
from videoreid.analysis.figure_ground import foreground, normalised_colours
from videoreid.analysis.images import shrink
from videoreid.synthetic_world.degradations import Degradation
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.footage import film
from videoreid.synthetic_world.population import WorldOptions, make_population

TARGET = Path(videoreid.analysis.__file__).parent / "crowding_network.json"
SEEDS = range(101, 113)


def through_jpeg(rgb, quality):
    data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def draw(seed):
    """Yield small frames of a world with their truth, two degradations of every sighting."""
    population = make_population(WorldOptions(identities=70, seed=seed, frames=6))
    for index, sighting in enumerate(one for one in population.sightings if one.pid > 0):
        draws = Draws(77, seed, index)
        for turn in range(2):
            seen = replace(sighting, number=sighting.number + 100_000 * turn, count=2)
            degradation = Degradation(
                occluder=0.75 * draws.uniform() * draws.chance(0.45),
                side=draws.pick(("below", "left", "right")),
                second_walker=draws.uniform() * draws.chance(0.45),
                shrink=1 + 2 * draws.uniform() * draws.chance(0.3),
                exposure=0.1 * 10 ** draws.uniform() if draws.chance(0.3) else 1.0,
            )
            frame = list(film(population, seen, degradation))[draws.integer(0, 2)]
            rgb = through_jpeg(frame.rgb, population.cameras[sighting.visit.camera].quality)
            small = cv2.resize(rgb, (32, 64), interpolation=cv2.INTER_AREA)
            yield small, (frame.truth.occluded, min(frame.truth.second_person, 1.5))


def build():
    a, b, c, d = CHANNELS
    layers = [nn.Conv2d(a, b, 3), nn.Conv2d(b, c, 3), nn.Conv2d(c, d, 3), nn.Linear(9 * d, 2)]
    return [parameter for layer in layers for parameter in layer.parameters()]


def train(frames, truth, epochs):
    torch.manual_seed(0)
    weights, generator = build(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(weights, 3e-3, weight_decay=1e-2)
    steps = len(frames) // 64
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=epochs * steps)
    for epoch in range(epochs):
        order, total = torch.randperm(len(frames), generator=generator), 0.0
        for step in range(steps):
            rows = order[64 * step : 64 * (step + 1)]
            batch = frames[rows]
            mirrored = torch.rand(64, generator=generator) < 0.5
            batch = torch.where(mirrored[:, None, None, None], batch.flip(3), batch)
            scale = torch.ones(64, 5, 1, 1)
            scale[:, 1:3] = 1.2 * torch.rand(64, 1, 1, 1, generator=generator)  # from grey to vivid
            batch = batch * scale
            batch[:, :3] += 0.03 * torch.randn(64, 3, *batch.shape[2:], generator=generator)
            loss = nn.functional.smooth_l1_loss(run_network(batch, weights), truth[rows], beta=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        print(epoch, round(total / steps, 4), flush=True)
    return weights


def save(weights, note):
    rows = [
        {
            "shape": list(weight.shape),
            "float32": base64.b64encode(weight.detach().numpy().astype("<f4").tobytes()).decode(),
        }
        for weight in weights
    ]
    TARGET.write_text(json.dumps({"made_by": note, "weights": rows}, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    drawn = [pair for seed in SEEDS for pair in draw(seed)]
    colours = normalised_colours(shrink([small for small, _ in drawn]))
    frames = torch.from_numpy(crowding_inputs(colours, foreground(colours)))
    truth = torch.tensor([pair[1] for pair in drawn], dtype=torch.float32)
    weights = train(frames, truth, args.epochs)
    save(
        weights,
        f"benchmarks/attribute_network.py, {len(drawn)} frames of synthetic worlds, {args.epochs} epochs",
    )


if __name__ == "__main__":
    main()
