"""Draw the contact sheet of the embedded world for docs/synthetic.md.

A row per person: tracklets of different cameras, then part labels. Usage: python benchmarks/world_sheet.py [output]
"""

import itertools
import sys
from pathlib import Path

import cv2
import numpy as np

from videoreid.synthetic_world.footage import film
from videoreid.synthetic_world.population import WorldOptions, make_population

PEOPLE, CAMERAS, FRAMES = 7, 4, 3
CELL = (128, 56)
OUTPUT = Path(__file__).parents[1] / "docs" / "images" / "synthetic.jpg"


def label_colours():
    """Return a colour for each of the twenty classes; background is dark."""
    hues = np.array([[[(37 * number) % 180, 150, 230] for number in range(20)]], dtype=np.uint8)
    colours = cv2.cvtColor(hues, cv2.COLOR_HSV2BGR)[0]
    colours[0] = 40
    return colours


def row_of(population, pid, colours):
    by_camera = {}
    for sighting in population.sightings:
        if sighting.pid == pid:
            by_camera.setdefault(sighting.visit.camera, sighting)
    if len(by_camera) < CAMERAS:
        return None
    cells = []
    for camera in sorted(by_camera)[:CAMERAS]:
        frames = list(film(population, by_camera[camera]))
        for place in range(FRAMES):
            frame = frames[(2 * place + 1) * len(frames) // (2 * FRAMES)]
            quality = [cv2.IMWRITE_JPEG_QUALITY, population.cameras[camera].quality]
            _, data = cv2.imencode(".jpg", cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR), quality)
            cells.append(
                cv2.resize(cv2.imdecode(data, cv2.IMREAD_COLOR), CELL[::-1], interpolation=cv2.INTER_AREA)
            )
        cells.append(cv2.resize(colours[frame.labels], CELL[::-1], interpolation=cv2.INTER_NEAREST))
        cells.append(np.full((CELL[0], 8, 3), 255, dtype=np.uint8))
    return np.hstack(cells[:-1])


def main():
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    population = make_population(WorldOptions())
    drawn = (
        row_of(population, pid, label_colours()) for pid in range(population.options.num_train + 1, 9999)
    )
    rows = list(itertools.islice((row for row in drawn if row is not None), PEOPLE))
    gap = np.full((6, rows[0].shape[1], 3), 255, dtype=np.uint8)
    picture = np.vstack([part for row in rows for part in (row, gap)][:-1])
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
    print(output, output.stat().st_size)


if __name__ == "__main__":
    main()
