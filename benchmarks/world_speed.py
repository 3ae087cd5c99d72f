"""Measure the drawing speed of the embedded world on one core.

OpenCV is limited to one thread. Each repeat draws the same tracklets, once without and once with JPEG encoding; medians
are kept. Usage: python benchmarks/world_speed.py [--repeats 5]
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import cv2
import numpy as np

from videoreid.synthetic_world.footage import film
from videoreid.synthetic_world.population import WorldOptions, make_population

IDENTITIES, TRACKLETS = 100, 120
RESULTS = Path(__file__).parent / "results" / "world_speed.json"


def draw(population, *, encode):
    """Return frames drawn and CPU seconds taken."""
    frames = 0
    began = time.process_time()
    for sighting in population.sightings[:TRACKLETS]:
        quality = population.cameras[sighting.visit.camera].quality
        for frame in film(population, sighting):
            frames += 1
            if encode:
                bgr = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
                cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return frames, time.process_time() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    cv2.setNumThreads(1)
    population = make_population(WorldOptions(identities=IDENTITIES))
    draw(population, encode=True)
    results = {"opencv": cv2.__version__, "numpy": np.__version__, "processor": platform.machine()}
    for name, encode in (("drawn", False), ("drawn_and_encoded", True)):
        runs = [draw(population, encode=encode) for _ in range(repeats)]
        rates = [frames / seconds for frames, seconds in runs]
        results["frames"] = runs[0][0]
        results[f"{name}_per_core_second"] = {
            "median": round(statistics.median(rates)),
            "least": round(min(rates)),
            "over_400": round(statistics.median(rates) / 400, 2),
        }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
