"""Draw every plot of videoreid.visual once, of random people and times, and put them on one sheet.

python docs/figures/plots.py [FOLDER]        writes docs/images/plots.png, and the plots themselves into FOLDER
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from videoreid.metrics import (
    SpatialTemporalModel,
    camera_pair_rank1,
    evaluate_features,
    fit_logistic,
    pair_distances,
)
from videoreid.types import Features
from videoreid.visual import (
    plot_attention,
    plot_camera_pairs,
    plot_cmc,
    plot_distances,
    plot_embedding,
    plot_length,
    plot_precision_recall,
    plot_reliability,
    plot_roc,
    plot_training,
    plot_transitions,
)

SHEET = Path(__file__).parents[1] / "images" / "plots.png"
PEOPLE, CELL = 120, (330, 480)


def world(noise: float, seed: int) -> tuple[Features, Features]:
    """Return queries and gallery of people in six cameras."""
    centres = np.random.default_rng(7).normal(size=(PEOPLE, 16))
    rng = np.random.default_rng(seed)
    sides = []
    for repeats in (3, 9):
        pids = np.repeat(np.arange(1, PEOPLE + 1), repeats)
        values = centres[pids - 1] + noise * rng.normal(size=(len(pids), 16))
        sides.append(
            Features(torch.from_numpy(values).float(), pids, np.tile(np.arange(repeats) % 6, PEOPLE))
        )
    return sides[0], sides[1]


def draw_all(folder: Path) -> list[Path]:
    """Write every plot; return the pictures."""
    sides = {"baseline": world(0.9, 1), "attention": world(0.7, 2)}
    rankings = {
        name: evaluate_features(*pair, dataset="random people", details={"model": name})
        for name, pair in sides.items()
    }
    pairs = {name: pair_distances(*pair) for name, pair in sides.items()}
    better, line = rankings["attention"], rankings["attention"].protocol_line
    calibration, test = fit_logistic(pairs["baseline"], prior=0.5), pairs["attention"]
    impostor = np.random.default_rng(0).choice(test.impostor, len(test.genuine), replace=False)
    told = np.concatenate([calibration(test.genuine), calibration(impostor)])
    same = np.arange(len(told)) < len(test.genuine)
    rng = np.random.default_rng(0)
    history = [
        {"epoch": float(e), "loss": 5 * np.exp(-e / 20) + 0.3, "softmax": 4 * np.exp(-e / 20) + 0.2,
         "triplet": np.exp(-e / 15) + 0.1, "lr": 3e-4 * 0.1 ** (e // 25)}
        | ({"mAP": 0.8 - 0.6 * np.exp(-e / 15), "rank1": 0.9 - 0.6 * np.exp(-e / 12)} if e % 5 == 0 else {})
        for e in range(1, 61)
    ]  # fmt: skip
    pids, camids = np.repeat(np.arange(80), 4), np.tile([0, 1, 2, 3], 80)
    times = 5000.0 * pids + rng.normal(0, 40, 320) + 300 * camids**1.3
    model = SpatialTemporalModel.fit(pids=pids, camids=camids, times=times, num_bins=60, interval=50, sigma=1)
    files = [
        plot_training(history, folder / "training"),
        plot_cmc(rankings, folder / "cmc"),
        plot_precision_recall(rankings, folder / "precision_recall"),
        plot_distances(test, folder / "distances", note=line),
        plot_roc(pairs, folder / "roc", note=line),
        plot_reliability(told, same, folder / "reliability", note=line),
        plot_camera_pairs(camera_pair_rank1(*sides["attention"]), folder / "cameras", note=line),
        plot_length(rng.geometric(0.03, len(better.average_precision)), better, folder / "length"),
        plot_attention(rng.dirichlet(np.linspace(0.5, 2, 8), 400), folder / "attention"),
        plot_embedding(sides["attention"][1], folder / "people"),
        plot_transitions(model, folder / "transitions", columns=3),
    ]
    return [file.png for file in files]


def main() -> None:
    """Draw, and make the sheet."""
    with tempfile.TemporaryDirectory() as temporary:
        pictures = draw_all(Path(sys.argv[1] if len(sys.argv) > 1 else temporary))
        cells = []
        for path in pictures:
            picture = cv2.imread(str(path))
            scale = min(CELL[0] / picture.shape[0], CELL[1] / picture.shape[1])
            small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            cell = np.full((*CELL, 3), 255, np.uint8)
            top, left = (CELL[0] - small.shape[0]) // 2, (CELL[1] - small.shape[1]) // 2
            cell[top : top + small.shape[0], left : left + small.shape[1]] = small
            cells.append(cell)
        cells += [np.full((*CELL, 3), 255, np.uint8)] * (-len(cells) % 3)
        cv2.imwrite(
            str(SHEET), np.vstack([np.hstack(cells[row : row + 3]) for row in range(0, len(cells), 3)])
        )


if __name__ == "__main__":
    main()
