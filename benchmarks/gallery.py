"""Compare a gallery of a million with plain FAISS and hnswlib: build, memory, latency, queries per second and recall.

Each system runs in a separate process, on the same synthetic embeddings: people are points of a 64-dimensional
subspace, tracklets are people plus noise, all of unit length. Exact search of this library and `faiss.IndexFlatIP`
run in one process, query by query in turn, so that both have the same load of the machine. Recall@10 is measured
against `faiss.IndexFlatIP`. Results are written after each system.

    python benchmarks/gallery.py --rows 1000000 --output benchmarks/results/gallery.json
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from videoreid.retrieval import GalleryIndex
from videoreid.types import Features

WIDTH, K, STEP = 512, 10, 50_000
SYSTEMS = ("exact", "float16", "folder", "ivfpq", "ivf", "hnsw", "hnswlib")
Search = Callable[[np.ndarray], np.ndarray]


def write_data(folder: Path, rows: int) -> None:
    """Write ``gallery.npy`` and ``query.npy``."""
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(64, WIDTH)).astype(np.float32) / 8
    people = rng.normal(size=(max(rows // 20, 1), 64)).astype(np.float32)

    def tracklets(count: int) -> np.ndarray:
        who = rng.integers(0, len(people), count)
        values = people[who] @ basis + 0.5 * rng.standard_normal((count, WIDTH), np.float32)
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    gallery = np.lib.format.open_memmap(folder / "gallery.npy", "w+", np.float32, (rows, WIDTH))
    for start in range(0, rows, STEP):
        gallery[start : start + STEP] = tracklets(min(STEP, rows - start))
    gallery.flush()
    np.save(folder / "query.npy", tracklets(512))


def parts(folder: Path) -> list[np.ndarray]:
    data = np.load(folder / "gallery.npy", mmap_mode="r")
    return [data[start : start + STEP] for start in range(0, len(data), STEP)]


def fill(index: GalleryIndex, folder: Path) -> GalleryIndex:
    for part in parts(folder):
        none = np.zeros(len(part), np.int64)
        index.add(Features(torch.from_numpy(np.array(part)), none, none))
    return index


def ours(index: GalleryIndex) -> Search:
    return lambda query: index.search(query, K).keys


def flat(folder: Path) -> Search:
    import faiss

    index = faiss.IndexFlatIP(WIDTH)
    for part in parts(folder):
        index.add(np.array(part))
    return lambda query: index.search(query, K)[1]


def hnswlib_index(folder: Path) -> Search:
    import hnswlib

    index = hnswlib.Index("ip", WIDTH)
    total = sum(map(len, parts(folder)))
    index.init_index(total, M=32, ef_construction=200)
    index.set_num_threads(torch.get_num_threads())
    for part in parts(folder):
        index.add_items(np.array(part))
    index.set_ef(128)
    return lambda query: index.knn_query(query, K)[0].astype(np.int64)


def open_in_folder(folder: Path) -> GalleryIndex:
    path = folder / "index"
    with GalleryIndex.open(path, mode="write", width=WIDTH) as index:
        fill(index, folder)
    start = time.perf_counter()
    opened = GalleryIndex.open(path)
    print(f"opened in {time.perf_counter() - start:.3f} s", file=sys.stderr)
    return opened


def built(kind: str, folder: Path) -> GalleryIndex:
    index = fill(GalleryIndex(WIDTH, kind), folder)
    print(f"{kind}: recall at building {index.build():.4f}", file=sys.stderr)
    return index


def measure(
    searches: dict[str, Search], query: np.ndarray, singles: int, batch: int
) -> dict[str, dict[str, float]]:
    """Time single queries in turn, and batches in turn."""
    one: dict[str, list[float]] = {name: [] for name in searches}
    many: dict[str, list[float]] = {name: [] for name in searches}
    for search in searches.values():
        search(query[:1])
    for number in range(singles):
        for name, search in searches.items():
            start = time.perf_counter()
            search(query[number % len(query)][None])
            one[name].append(time.perf_counter() - start)
    for _ in range(3):
        for name, search in searches.items():
            start = time.perf_counter()
            search(query[:batch])
            many[name].append(time.perf_counter() - start)
    return {
        name: {
            "p50_ms": 1e3 * float(np.quantile(one[name], 0.5)),
            "p99_ms": 1e3 * float(np.quantile(one[name], 0.99)),
            "fastest_ms": 1e3 * min(one[name]),
            "queries_per_second_in_batches": batch / float(np.median(many[name])),
        }
        for name in searches
    }


def run_system(system: str, folder: Path, singles: int, batch: int) -> dict[str, Any]:
    query = np.load(folder / "query.npy")[:batch]
    makers: dict[str, Callable[[], Search]] = {
        "exact": lambda: ours(fill(GalleryIndex(WIDTH), folder)),
        "float16": lambda: ours(fill(GalleryIndex(WIDTH, dtype="float16"), folder)),
        "folder": lambda: ours(open_in_folder(folder)),
        "hnswlib": lambda: hnswlib_index(folder),
        **{kind: (lambda kind=kind: ours(built(kind, folder))) for kind in ("ivf", "ivfpq", "hnsw")},
    }
    start = time.perf_counter()
    searches = {system: makers[system]()}
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if system == "exact":
        start = time.perf_counter()
        searches["faiss_flat"] = flat(folder)
        print(f"faiss_flat: filled in {time.perf_counter() - start:.1f} s", file=sys.stderr)
    results: dict[str, Any] = measure(searches, query, singles, batch)
    results[system] |= {"build_s": seconds, "peak_memory_mib": memory}
    found = searches[system](query)
    truth = folder / "truth.npy"
    if system == "exact":
        np.save(truth, searches["faiss_flat"](query))
    if truth.exists():
        pairs = zip(found, np.load(truth), strict=True)
        results[system]["recall_at_10"] = float(np.mean([len(set(a) & set(b)) / K for a, b in pairs]))
    if system == "exact":
        for name in ("p50_ms", "fastest_ms"):
            results[f"ratio_to_faiss_flat_{name}"] = results["exact"][name] / results["faiss_flat"][name]
        name = "queries_per_second_in_batches"
        results["ratio_to_faiss_flat_batches"] = results["faiss_flat"][name] / results["exact"][name]
    return {**results, "load": os.getloadavg()[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--singles", type=int, default=100)
    parser.add_argument("--batch", type=int, default=256, help="queries of a batch, and of the recall")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.folder:
        print(json.dumps(run_system(args.systems[0], args.folder, args.singles, args.batch)))
        return
    results: dict[str, Any] = {
        "rows": args.rows, "width": WIDTH, "k": K, "cores": os.cpu_count(), "threads": torch.get_num_threads(),
        "batch": args.batch,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        write_data(Path(name), args.rows)
        for system in args.systems:
            command = [sys.executable, __file__, "--systems", system, "--folder", name]
            done = subprocess.run(
                [*command, "--singles", str(args.singles), "--batch", str(args.batch)],
                stdout=subprocess.PIPE,
                text=True,
                # threads of one OpenMP that wait actively (0.2 s by default) would slow the other system's next query
                env={**os.environ, "KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "passive"},
                check=True,
            )
            results[f"run of {system}"] = json.loads(done.stdout)
            print(json.dumps({system: results[f"run of {system}"]}, indent=2), flush=True)
            if args.output:
                args.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
