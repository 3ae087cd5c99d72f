"""Measure ``videoreid report`` on results of the size of MARS, with random features and realistic people and cameras.

    python benchmarks/report.py --output benchmarks/results/report.json

Writes a run folder with 1,980 queries and 9,330 gallery tracklets (11,310 with the queries, as the official protocol
ranks them), features kept and 60 epochs of history, and times the page twice.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from videoreid.engine import save_evaluation
from videoreid.engine.environment import describe_environment
from videoreid.engine.run_record import complete_record
from videoreid.metrics import evaluate_features
from videoreid.reporting import write_report
from videoreid.types import Features, Tracklet

PEOPLE, CAMERAS = 626, 6


def random_side(rows: int, width: int, seed: int, centres: np.ndarray) -> Features:
    """Return features of people who look a little like themselves."""
    rng = np.random.default_rng(seed)
    pids = np.sort(rng.integers(0, PEOPLE, rows)) + 1
    values = centres[pids - 1] + 3.0 * rng.standard_normal((rows, width), dtype=np.float32)
    return Features(torch.from_numpy(values), pids, rng.integers(0, CAMERAS, rows))


def make_run(folder: Path, width: int) -> None:
    """Write the run folder."""
    centres = np.random.default_rng(0).standard_normal((PEOPLE, width), dtype=np.float32)
    query, gallery = random_side(1980, width, 1, centres), random_side(9330, width, 2, centres)
    ranking = evaluate_features(query, gallery, protocol="mars_official", dataset="mars-sized")
    lengths = np.random.default_rng(3).geometric(1 / 58, 1980)
    sides = [
        [
            Tracklet(["absent.jpg"] * int(n), int(p), int(c))
            for n, p, c in zip(sizes, side.pids, side.camids, strict=True)
        ]
        for side, sizes in ((query, lengths), (gallery, np.full(9330, 16)))
    ]
    save_evaluation(
        folder, ranking, query=query, gallery=gallery, tracklets=(sides[0], sides[1]), features=True
    )
    history = [
        {"epoch": float(e), "loss": 5 / e, "triplet": 1 / e, "lr": 3e-4 * 0.99**e, "mAP": 1 - 1 / e}
        for e in range(1, 61)
    ]
    complete_record(folder, {"progress": {"epoch": 60, "step": 6000, "history": history}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=2048, help="width of the features")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        make_run(folder, args.width)
        runs = []
        for _ in range(2):
            began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
            page = write_report(folder)
            now = resource.getrusage(resource.RUSAGE_SELF)
            runs.append(
                {
                    "seconds": round(time.perf_counter() - began, 1),
                    "cpu_seconds": round(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, 1),
                }
            )
        sizes = {path.name: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
        result = {
            "queries": 1980,
            "gallery": 11310,
            "width": args.width,
            "reports": runs,
            "page_bytes": sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file()),
            "ranking_bytes": sizes["ranking.npz"],
            "tracklets_bytes": sizes["tracklets.json.gz"],
            "features_bytes": sizes["features.h5"],
            "environment": describe_environment(),
        }
    print(json.dumps(result, indent=2))
    if args.output:
        args.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
