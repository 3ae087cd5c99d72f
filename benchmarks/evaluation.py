"""Measure time and memory of plain evaluation, side by side with its alternatives, in one run.

Sections: ranking from a given matrix against argsort-based ranking in NumPy; evaluation from 2,048-d features
against the matrix product alone; memory; growth of the streamed evaluation up to 100,000 queries x 1,000,000 rows.
Ratios and medians are reported. Usage: python benchmarks/evaluation.py [--sections matrix features memory growth]
"""

import argparse
import ctypes
import functools
import json
import os
import statistics
import threading
import time
from pathlib import Path

import numpy as np
import torch

from videoreid.metrics import evaluate_distances, evaluate_features
from videoreid.types import Features

QUERIES, GALLERY, WIDTH = 1980, 11310, 2048
PEOPLE, CAMERAS = 630, 6
REPEATS = 5
GROWTH = (10_000, 100_000, 1_000_000)
GROWTH_QUERIES, GROWTH_WIDTH = 1024, 128
RESULTS = Path(__file__).parent / "results" / "evaluation.json"


def make_features(queries, gallery, width, people, *, seed=0, noise=1.5):
    """Clustered features: a centre per person plus noise; about a third of the gallery are distractors (pid 0)."""
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(people + 1, width, generator=generator)
    parts = []
    for count, distractors in ((queries, 0.0), (gallery, 0.3)):
        pids = rng.integers(1, people + 1, count)
        pids[rng.random(count) < distractors] = 0
        features = torch.randn(count, width, generator=generator).mul_(noise)
        for start in range(0, count, 65536):
            rows = slice(start, start + 65536)
            features[rows] += centres[torch.from_numpy(pids[rows])]
        parts.append(Features(features, pids, rng.integers(0, CAMERAS, count)))
    return parts


def argsort_ranking(distances, q_pids, g_pids, q_camids, g_camids, max_rank=50):
    """The usual way: sort every row, drop junk, accumulate hits."""
    order = np.argsort(distances, axis=1)
    matches = (g_pids[order] == q_pids[:, None]).astype(np.int32)
    curves, precisions = [], []
    for query in range(len(q_pids)):
        places = order[query]
        keep = ~((g_pids[places] == q_pids[query]) & (g_camids[places] == q_camids[query]))
        hits = matches[query][keep]
        if not hits.any():
            continue
        found = hits.cumsum()
        curves.append(np.minimum(found, 1)[:max_rank])
        precisions.append((found / np.arange(1, len(found) + 1) * hits).sum() / hits.sum())
    return np.mean(curves, axis=0), float(np.mean(precisions))


def argsort_only(distances):
    """The sort alone, as if everything after it were free."""
    np.argsort(distances, axis=1)


def seconds(function):
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def processor_seconds(function):
    """Processor time of one call, all threads together: what other work on the machine disturbs least."""
    start = time.process_time()
    function()
    return time.process_time() - start


def medians(functions, clock=seconds):
    """Median time of each function; the functions take turns, so that a slow spell hits all of them."""
    for function in functions.values():
        function()
    times = {name: [] for name in functions}
    for _ in range(REPEATS):
        for name, function in functions.items():
            times[name].append(clock(function))
    return {name: statistics.median(values) for name, values in times.items()}


def matrix_section():
    """Ranking from a given matrix."""
    query, gallery = make_features(QUERIES, GALLERY, 128, PEOPLE)
    distances = torch.cdist(query.embeddings, gallery.embeddings).numpy()
    ids = query.pids, gallery.pids, query.camids, gallery.camids
    ours = evaluate_distances(distances, *ids, top_k=0)
    _, plain = argsort_ranking(distances, *ids)
    taken = medians(
        {
            "argsort_ranking": lambda: argsort_ranking(distances, *ids),
            "argsort_alone": lambda: argsort_only(distances),
            "ours": lambda: evaluate_distances(distances, *ids, top_k=0),
            "ours_with_top_20": lambda: evaluate_distances(distances, *ids, top_k=20),
        }
    )
    return {
        "mAP": ours.mean_average_precision,
        "mAP_difference_to_argsort": abs(ours.mean_average_precision - plain),
        "matches": len(ours.match_ranks),
        "speedup_over_argsort_ranking": taken["argsort_ranking"] / taken["ours"],
        "speedup_over_argsort_alone": taken["argsort_alone"] / taken["ours"],
        "speedup_with_top_20": taken["argsort_ranking"] / taken["ours_with_top_20"],
    }


def features_section():
    """Evaluation from features against the product alone."""
    query, gallery = make_features(QUERIES, GALLERY, WIDTH, PEOPLE)
    functions = {
        "product": lambda: query.embeddings @ gallery.embeddings.t(),
        "ours": lambda: evaluate_features(query, gallery, top_k=0),
        "ours_euclidean": lambda: evaluate_features(query, gallery, distance="euclidean", top_k=0),
        "ours_with_top_20": lambda: evaluate_features(query, gallery, top_k=20),
    }
    results = {}
    for kind, clock in (("wall", seconds), ("processor", processor_seconds)):
        taken = medians(functions, clock)
        results[kind] = {f"{name}_over_product": taken[name] / taken["product"] for name in list(taken)[1:]}
    results["load_average_of_the_machine"] = os.getloadavg()[0]
    return results


def peak_over(function):
    """Peak resident memory of a call over what was resident before it, in MB, sampled every 2 ms (Linux)."""

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    # what was freed but kept by the allocator would hide what the call needs
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    base, stop = resident(), threading.Event()
    peak = [base]

    def watch():
        while not stop.wait(0.002):
            peak[0] = max(peak[0], resident())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        function()
    finally:
        stop.set()
        thread.join()
    return (peak[0] - base) / 1e6


def memory_section():
    """Peak memory over the features, after a small evaluation has loaded the libraries."""
    query, gallery = make_features(QUERIES, GALLERY, WIDTH, PEOPLE)
    evaluate_features(query.select(range(64)), gallery.select(range(640)))
    return {
        f"peak_mb_over_features_{name}": peak_over(
            lambda name=name, top_k=top_k: evaluate_features(query, gallery, protocol=name, top_k=top_k)
        )
        for name, top_k in (("cross_camera", 20), ("mars_official", 20))
    }


def growth_section():
    """Streamed evaluation of a subset of the queries against galleries that grow tenfold."""
    results = {}
    for gallery_size in GROWTH:
        query, gallery = make_features(GROWTH_QUERIES, gallery_size, GROWTH_WIDTH, gallery_size // 20)
        evaluate = functools.partial(evaluate_features, query, gallery, top_k=0)
        memory = peak_over(evaluate)
        taken = seconds(evaluate)
        product = seconds(functools.partial(stream_product, query.embeddings, gallery.embeddings))
        results[str(gallery_size)] = {
            "over_product": taken / product,
            "time_per_query_over_the_smallest": taken
            / next(iter(results.values()), {"taken": taken})["taken"],
            "peak_mb_over_features": memory,
            "taken": taken,
        }
    for row in results.values():
        del row["taken"]
    return results


def stream_product(query, gallery, width=8192):
    """The product alone, a block of the gallery at a time."""
    for start in range(0, len(gallery), width):
        query @ gallery[start : start + width].t()


SECTIONS = {
    "matrix": matrix_section,
    "features": features_section,
    "memory": memory_section,
    "growth": growth_section,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    args = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["setting"] = {
        "queries": QUERIES,
        "gallery": GALLERY,
        "width": WIDTH,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    for name in args.sections:
        results[name] = SECTIONS[name]()
        print(name, json.dumps(results[name], indent=2), flush=True)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
