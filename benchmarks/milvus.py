"""Measure rows per second into Milvus and queries per second, and compare with an index in a folder.

Without an address milvus-lite with its embedded file is used, which is one process and does not measure a cluster.

    python benchmarks/milvus.py [--uri http://host:19530] [--rows 20000] [--output benchmarks/results/milvus.json]
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from videoreid.retrieval import GalleryIndex, MilvusIndex
from videoreid.types import Features


def features_of(count: int, width: int) -> Features:
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.standard_normal((count, width), np.float32))
    times = rng.uniform(0, 1e6, count)
    return Features(values, np.arange(count), rng.integers(0, 50, count), times, times + 5)


def size_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def measure(index: Any, features: Features, keys: bool) -> dict[str, float]:
    start = time.perf_counter()
    for begin in range(0, len(features), 1000):
        rows = range(begin, min(begin + 1000, len(features)))
        index.add(features.select(rows), keys=rows if keys else None)
    seconds = time.perf_counter() - start
    index.search(features.embeddings[:1])
    waits = []
    for row in range(50):
        start = time.perf_counter()
        index.search(features.embeddings[row : row + 1], cameras=range(25), since=0.0, until=5e5)
        waits.append(time.perf_counter() - start)
    return {
        "rows_per_second": len(features) / seconds,
        "filtered_p50_ms": 1e3 * float(np.quantile(waits, 0.5)),
        "filtered_p99_ms": 1e3 * float(np.quantile(waits, 0.99)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uri", default="")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    features = features_of(args.rows, args.width)
    results: dict[str, Any] = {"rows": args.rows, "width": args.width, "server": args.uri or "milvus-lite"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "folder"
        with GalleryIndex.open(folder, mode="write", width=args.width) as index:
            results["folder"] = measure(index, features, keys=False)
        results["folder"]["bytes_per_row"] = size_of(folder) / args.rows
        database = Path(name) / "tracklets.db"
        remote = MilvusIndex(args.width, server=args.uri or str(database), collection="benchmark")
        results["milvus"] = measure(remote, features, keys=True)
        remote.close()
        if not args.uri:
            results["milvus"]["bytes_per_row"] = size_of(database) / args.rows
    results["load"] = os.getloadavg()[0]
    print(json.dumps(results, indent=2))
    if args.output:
        args.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
