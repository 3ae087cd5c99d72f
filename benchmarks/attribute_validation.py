"""Measure how well each proxy of `frame_attributes` agrees with the ground truth of the embedded world.

A controlled set varies one trouble; people, clothes, cameras, other walkers and obstacles differ from frame to frame as
usual. The mixed set varies all troubles at once. The small network was not trained on these worlds. The output is
Spearman's rank correlation by proxy, the recovered up-scaling factor, whether light and clothes are distinguished, and
edge widths on a chart, which define the scale of `resolution`.
Usage: python benchmarks/attribute_validation.py [--frames 200] [--seeds 1 2]
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import spearmanr

from videoreid.analysis import frame_attributes
from videoreid.analysis.sharpness import edge_widths
from videoreid.synthetic_world.degradations import Degradation
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.footage import film
from videoreid.synthetic_world.population import WorldOptions, make_population

RESULTS = Path(__file__).parent / "results" / "attribute_validation.json"
FACTORS = (1.0, 2.0, 3.0, 4.0)
KINDS = ("as it is", "occlusion", "people", "light", "mixed")
TRUTH = {
    "occlusion": "occluded",
    "people": "second_person",
    "resolution": "native_height",
    "light": "exposure",
    "clothing_darkness": "clothing_darkness",
}
CONTROLLED = {
    "occlusion": "occlusion",
    "people": "people",
    "light": "light",
    "clothing_darkness": "as it is",
}


def degradation(kind, draws):
    """Draw a degradation of a set."""
    chance = {"mixed": 0.4, kind: 0.85}
    touched = {
        name: draws.chance(chance.get("mixed" if kind == "mixed" else name, 0.0)) for name in (*KINDS, "size")
    }
    return Degradation(
        occluder=0.75 * draws.uniform() * touched["occlusion"],
        side=draws.pick(("below", "left", "right")),
        second_walker=draws.uniform() * touched["people"],
        shrink=1 + 3 * draws.uniform() * touched["size"],
        exposure=0.08 * 12.5 ** draws.uniform() if touched["light"] else 1.0,
    )


def shoot(population, sighting, wanted):
    """Return a frame as it would lie in a dataset, and its truth."""
    frame = next(film(population, replace(sighting, count=1), wanted))
    quality = [cv2.IMWRITE_JPEG_QUALITY, population.cameras[sighting.visit.camera].quality]
    data = cv2.imencode(".jpg", np.ascontiguousarray(frame.rgb[..., ::-1]), quality)[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]), frame.truth


def sightings(seed, count):
    population = make_population(WorldOptions(identities=max(6, count // 3), seed=seed, frames=2))
    return population, [one for one in population.sightings if one.pid > 0][:count]


def correlation(one, two):
    known = np.isfinite(one) & np.isfinite(two)
    return round(float(spearmanr(one[known], two[known])[0]), 3), int((~known).sum())


def validate(seed, count):
    """Return the figures of one world."""
    population, seen = sightings(seed, count)
    measured, truth = {}, {}
    for kind in KINDS:
        shots = [shoot(population, one, degradation(kind, Draws(99, seed, one.number))) for one in seen]
        measured[kind] = frame_attributes([image for image, _ in shots])
        truth[kind] = {key: np.array([getattr(t, name) for _, t in shots]) for key, name in TRUTH.items()}
    found = {"spearman": {}, "spearman_mixed": {}, "unknown": {}}
    for key, kind in CONTROLLED.items():
        found["spearman"][key], found["unknown"][key] = correlation(measured[kind][key], truth[kind][key])
    for key in TRUTH:
        found["spearman_mixed"][key], _ = correlation(measured["mixed"][key], truth["mixed"][key])
    light, real = measured["light"], truth["light"]
    found["dim_set"] = {
        "clothing_darkness": correlation(light["clothing_darkness"], real["clothing_darkness"])[0],
        "clothing_darkness_against_exposure": correlation(light["clothing_darkness"], real["light"])[0],
        "light_against_clothing_darkness": correlation(light["light"], real["clothing_darkness"])[0],
    }
    return found | resolution(population, seen)


def resolution(population, seen):
    """Return how the factor of up-scaling is recovered: by its own scale, and against the same crop not scaled."""
    sharp = np.array([population.cameras[one.visit.camera].blur == 0 for one in seen])
    shots = [[shoot(population, one, Degradation(shrink=factor)) for one in seen] for factor in FACTORS]
    stored = np.array([[image.shape[0] for image, _ in row] for row in shots], float)
    native = np.array([[t.native_height for _, t in row] for row in shots], float)
    height = np.array([frame_attributes([image for image, _ in row])["resolution"] for row in shots])
    rho, unknown = correlation(height[:, sharp].ravel(), native[:, sharp].ravel())
    errors = {}
    for name, estimate in (("absolute", stored / height), ("relative", height[:1] / height)):
        off = np.abs(estimate / (stored / native) - 1)[1:]
        for cameras, mask in (("sharp", sharp), ("all", np.ones_like(sharp))):
            values = off[:, mask][np.isfinite(off[:, mask])]
            by_factor = [round(float(np.nanmedian(row[mask])), 3) for row in off]
            errors[f"{name}, {cameras} cameras"] = {
                "median_error": round(float(np.median(values)), 3),
                "median_error_by_factor_2_3_4": by_factor,
                "within_20_percent": round(float((values <= 0.2).mean()), 3),
            }
    rho_all, _ = correlation(height.ravel(), native.ravel())
    return {
        "resolution": {"spearman_sharp": rho, "spearman_all": rho_all, "unknown": unknown, "scale": errors}
    }


def chart(generator, height, factor, turn):
    """Return a dead-leaves chart behind a lens of 0.35 pixels, up-scaled by a factor."""
    width = height * 112 // 256
    big = np.zeros((4 * height, 4 * width, 3), np.uint8)
    for _ in range(350):
        radius, colour = (
            4 * height / generator.uniform(12, 80),
            [int(c) for c in generator.integers(20, 236, 3)],
        )
        centre = generator.uniform((0, 0), (4 * width, 4 * height))
        if generator.random() < 0.5:
            cv2.circle(big, centre.astype(int).tolist(), int(radius), colour, -1)
        else:
            turns = np.sort(generator.uniform(0, 2 * np.pi, 4))
            corners = centre + 2 * radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)
            cv2.fillConvexPoly(big, corners.astype(np.int32), colour)
    native = (max(2, round(width / factor)), max(2, round(height / factor)))
    lens = 0.35 * 4 * factor
    small = cv2.resize(cv2.GaussianBlur(big, (0, 0), lens), native, interpolation=cv2.INTER_AREA)
    small = np.clip(small + generator.normal(0, 3, small.shape), 0, 255).astype(np.uint8)
    if factor > 1:
        small = cv2.resize(
            small, (width, height), interpolation=(cv2.INTER_LINEAR, cv2.INTER_CUBIC)[turn % 2]
        )
    return cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_COLOR)


def chart_widths(count=12):
    generator, found = np.random.default_rng(0), {}
    for factor in (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0):
        heights = generator.integers(96, 224, count)
        widths = [
            np.nanmean(edge_widths(chart(generator, int(h), factor, turn))) for turn, h in enumerate(heights)
        ]
        found[str(factor)] = round(float(np.median(widths)), 3)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    results = {
        "command": "python benchmarks/attribute_validation.py "
        f"--frames {args.frames} --seeds {' '.join(map(str, args.seeds))}",
        "chart_edge_widths": chart_widths(),
        "worlds": {str(seed): validate(seed, args.frames) for seed in args.seeds},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
