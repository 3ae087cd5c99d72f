"""Measure re-ranking: compared with plain NumPy, at the size of MSMT17, and by the number of rows.

Every measurement runs in a separate process. Memory is the peak of that process minus its memory after loading the
features; time includes the distances.

    python benchmarks/rerank.py versus           # 1,980 + 11,310 rows, 512-d: ours and the published algorithm
    python benchmarks/rerank.py large            # 11,659 + 82,161 rows, 2048-d: ours
    python benchmarks/rerank.py growth           # 10k, 20k, 40k, 80k rows, 512-d: ours
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from videoreid.metrics import k_reciprocal_rerank, k_reciprocal_rerank_blocks

RESULTS = Path(__file__).parent / "results" / "rerank.json"
VERSUS = (1980, 11310, 512)
LARGE = (11659, 82161, 2048)
GROWTH = [(rows // 8, rows - rows // 8, 512) for rows in (10_000, 20_000, 40_000, 80_000)]
PER_IDENTITY = 20
REPEATS = 3


def published(query: np.ndarray, gallery: np.ndarray, *, partial_sort: bool) -> np.ndarray:
    """Follow Zhong et al. (CVPR 2017) step by step with dense matrices and loops over rows, in float32.

    The published code sorts every row in full; ``partial_sort`` only moves its first k1 + 1 to the front.
    """
    k1, k2, lambda_value = 20, 6, 0.3
    rows = np.concatenate([query, gallery])
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    number, first = len(rows), len(query)
    original = (1 - rows @ rows.T) ** 2
    original = (original / original.max(axis=0)).T
    if partial_sort:
        rank = np.argpartition(original, range(1, k1 + 1), axis=1)[:, : k1 + 1]
    else:
        rank = np.argsort(original, axis=1).astype(np.int32)

    def reciprocal(row: int, k: int) -> np.ndarray:
        forward = rank[row, : k + 1]
        return forward[(rank[forward, : k + 1] == row).any(axis=1)]

    encoded = np.zeros_like(original)
    for row in range(number):
        own = reciprocal(row, k1)
        members = own
        for candidate in own:
            other = reciprocal(candidate, round(k1 / 2))
            if len(np.intersect1d(other, own)) > 2 / 3 * len(other):
                members = np.append(members, other)
        members = np.unique(members)
        weight = np.exp(-original[row, members])
        encoded[row, members] = weight / weight.sum()
    original = original[:first]
    expanded = np.zeros_like(encoded)
    for row in range(number):
        expanded[row] = encoded[rank[row, :k2]].mean(axis=0)
    del encoded
    holders = [np.flatnonzero(expanded[:, col]) for col in range(number)]
    jaccard = np.zeros_like(original)
    for row in range(first):
        shared = np.zeros(number, dtype=np.float32)
        for col in np.flatnonzero(expanded[row]):
            shared[holders[col]] += np.minimum(expanded[row, col], expanded[holders[col], col])
        jaccard[row] = 1 - shared / (2 - shared)
    return (jaccard * (1 - lambda_value) + original * lambda_value)[:, first:]


def ours(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return the whole matrix."""
    return k_reciprocal_rerank(torch.from_numpy(query), torch.from_numpy(gallery)).numpy()


def ours_streamed(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Keep the twenty best of every query, never the whole matrix."""
    blocks = k_reciprocal_rerank_blocks(torch.from_numpy(query), torch.from_numpy(gallery))
    best = [block.topk(20, largest=False, dim=1).indices for _, block in blocks]
    return torch.cat(best).numpy()


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "ours": ours,
    "ours_streamed": ours_streamed,
    "numpy": lambda query, gallery: published(query, gallery, partial_sort=False),
    "numpy_partial_sort": lambda query, gallery: published(query, gallery, partial_sort=True),
}


def write_features(folder: Path, queries: int, gallery: int, width: int) -> None:
    """Save random features in clusters of about twenty, as identities are."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((queries + gallery, width), dtype=np.float32)
    centres = rng.standard_normal((len(rows) // PER_IDENTITY, width), dtype=np.float32)
    identity = rng.integers(0, len(centres), len(rows))
    for start in range(0, len(rows), 4096):
        rows[start : start + 4096] += centres[identity[start : start + 4096]]
    np.save(folder / "query.npy", rows[:queries])
    np.save(folder / "gallery.npy", rows[queries:])


def child(method: str, folder: Path) -> None:
    """Measure one run and print it as JSON."""
    query, gallery = np.load(folder / "query.npy"), np.load(folder / "gallery.npy")
    METHODS[method](query[:64].copy(), gallery[:256].copy())  # load libraries and start threads
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    result = METHODS[method](query, gallery)
    record = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }
    np.save(folder / f"{method}.npy", result)
    print(json.dumps(record))


def measure(method: str, folder: Path) -> dict[str, float]:
    """Run ``method`` in a process of its own."""
    command = [sys.executable, __file__, "child", "--method", method, "--folder", str(folder)]
    record = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    print(method, record, flush=True)
    return record


def versus(folder: Path) -> dict[str, object]:
    """Compare with plain NumPy, in turns, and check that the outcome is the same."""
    write_features(folder, *VERSUS)
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "numpy": [], "numpy_partial_sort": []}
    for _ in range(REPEATS):
        for method, records in runs.items():
            records.append(measure(method, folder))
    found = {method: np.load(folder / f"{method}.npy") for method in runs}
    result: dict[str, object] = {"queries": VERSUS[0], "gallery": VERSUS[1], "width": VERSUS[2]}
    median = {
        method: {key: statistics.median(record[key] for record in records) for key in records[0]}
        for method, records in runs.items()
    }
    for method in ("numpy", "numpy_partial_sort"):
        result[method] = {
            "times_slower": median[method]["seconds"] / median["ours"]["seconds"],
            "times_more_cpu": median[method]["cpu_seconds"] / median["ours"]["cpu_seconds"],
            "times_more_memory": median[method]["peak_mib"] / median["ours"]["peak_mib"],
            "largest_difference": float(np.abs(found[method] - found["ours"]).max()),
        }
    return result | {"median": median, "runs": runs}


def sizes(folder: Path, shapes: list[tuple[int, int, int]]) -> list[dict[str, float]]:
    """Measure the streamed form at each size."""
    records = []
    for shape in shapes:
        write_features(folder, *shape)
        names = {"queries": shape[0], "gallery": shape[1], "width": shape[2]}
        records.append(names | measure("ours_streamed", folder))
    return records


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["versus", "large", "growth", "child"])
    parser.add_argument("--method", choices=sorted(METHODS), default="ours")
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    if args.what == "child":
        child(args.method, args.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = (
            versus(folder)
            if args.what == "versus"
            else sizes(folder, [LARGE] if args.what == "large" else GROWTH)
        )
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    stored["machine"] = {
        "cpus": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }
    stored[args.what] = result
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(stored, indent=2) + "\n")


if __name__ == "__main__":
    main()
