"""Measure the explorer at the size of a large test set: writing time, and response times in headless Chromium.

The script draws a few hundred tracklets, whose pictures are reused for a large gallery, ranks random embeddings, writes
the explorer, and measures in the browser: the time until the first rows show all answers in view, a jump to other rows,
another order, a filter, and a search with a gallery tracklet. "open" is measured over jumps to rows that were not shown
before; "open_cpu" is the processor time of all browser processes, which depends little on the load of the machine.

    python benchmarks/explorer.py --queries 2000 --gallery 10000 --top 50 --output benchmarks/results/explorer.json
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from videoreid.data import FrameReader, build_dataset
from videoreid.metrics import evaluate_features
from videoreid.types import Features, Tracklet
from videoreid.utils import atomic_write_text
from videoreid.visual import ExplorerOptions, write_explorer

WIDTH = 512
# Rows that the screen shows have all their answers, and every picture in view is decoded.
READY = """
const done = arguments[arguments.length - 1], start = performance.now();
const act = arguments[0];
(new Function(act))();
const main = document.getElementById("rows");
async function check() {
  const box = main.getBoundingClientRect();
  const rows = [...main.querySelectorAll(".row")].filter(row => {
    const own = row.getBoundingClientRect();
    return own.bottom > box.top && own.top < box.bottom;
  });
  if (!rows.length || !rows.every(row => row.dataset.open)) { requestAnimationFrame(check); return; }
  const films = rows.flatMap(row => [...row.querySelectorAll(".film")]).filter(film => {
    const own = film.getBoundingClientRect();
    return own.right > 0 && own.left < innerWidth && own.bottom > box.top && own.top < box.bottom;
  });
  if (!films.every(film => film.style.backgroundImage)) { requestAnimationFrame(check); return; }
  await Promise.all(films.map(film => {
    const image = new Image();
    image.src = film.style.backgroundImage.slice(5, -2);
    return image.decode();
  }));
  done([performance.now() - start, rows.length, films.length]);
}
requestAnimationFrame(check);
"""
CHOOSE = "const c = document.getElementById('{}'); c.value = '{}'; c.dispatchEvent(new Event('input'));"


def make(
    queries: int, gallery: int, world: Path
) -> tuple[list[Tracklet], list[Tracklet], Features, Features]:
    """Return tracklets whose frames are those of a small world, and embeddings of people."""
    splits = build_dataset("synthetic", root=world, identities=60, seed=0)
    frames = [item.frames for item in (*splits.query, *splits.gallery)]
    rng = np.random.default_rng(0)
    people = max(2, gallery // 12)
    centres = rng.normal(size=(people, WIDTH)).astype(np.float32)
    sides: list[tuple[list[Tracklet], Features]] = []
    for count in (queries, gallery):
        pids = rng.integers(0, people, count)
        camids = rng.integers(0, 6, count)
        table = centres[pids] + 2.0 * rng.normal(size=(count, WIDTH)).astype(np.float32)
        items = [
            Tracklet(frames[n % len(frames)], int(pid), int(camid), float(n), float(n) + 60)
            for n, (pid, camid) in enumerate(zip(pids, camids, strict=True))
        ]
        sides.append((items, Features.of(torch.from_numpy(table), items)))
    return sides[0][0], sides[1][0], sides[0][1], sides[1][1]


def open_browser() -> Any:
    """Return a headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1440,900",
        "--no-first-run",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def cpu_seconds(parent: int) -> float:
    """Return what a process and its descendants have computed so far: what others on the machine do is not in it."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
        ticks[int(path.parent.name)] = int(fields[11]) + int(fields[12])
    found, waiting = 0, [parent]
    while waiting:
        process = waiting.pop()
        found += ticks.get(process, 0)
        waiting += children.get(process, [])
    return found / os.sysconf("SC_CLK_TCK")


def jump(browser: Any) -> tuple[list[float], list[int], list[float]]:
    """Jump to nine places; return milliseconds until they show, their pictures, and the seconds computed."""
    jumps, films, work = [], [], []
    for place in np.linspace(0.1, 0.95, 9):
        act = f"const m = document.getElementById('rows'); m.scrollTop = {place} * m.scrollHeight;"
        before = cpu_seconds(browser.service.process.pid)
        took, _, pictures = browser.execute_async_script(READY, act)
        work.append(cpu_seconds(browser.service.process.pid) - before)
        jumps.append(took)
        films.append(pictures)
    return jumps, films, work


def measure(page: Path, queries: int) -> dict[str, Any]:
    """Return milliseconds in the browser."""
    browser = open_browser()
    browser.set_script_timeout(120)
    try:
        start = time.perf_counter()
        browser.get(page.as_uri())
        browser.execute_async_script(READY, "")
        load = 1000 * (time.perf_counter() - start)
        jumps, films, work = jump(browser)
        order = browser.execute_async_script(READY, CHOOSE.format("sort", "worst"))[0]
        kept = browser.execute_async_script(READY, CHOOSE.format("text", "cam 3"))[0]
        search = browser.execute_async_script(
            "const done = arguments[0], start = performance.now();"
            f"explorer.search.nearest({queries + 5}, 50).then(() => done(performance.now() - start));"
        )
        again = browser.execute_async_script(
            "const done = arguments[0], start = performance.now();"
            f"explorer.search.nearest({queries + 9}, 50).then(() => done(performance.now() - start));"
        )
        memory = browser.execute_script("return performance.memory.usedJSHeapSize") / 2**20
        version = browser.capabilities["browserVersion"]
        assert not browser.get_log("browser"), "the console is silent"
    finally:
        browser.quit()
    return {
        "chromium": version,
        "load_ms": round(load),
        "open_ms": {"median": round(statistics.median(jumps)), "largest": round(max(jumps))},
        "open_cpu_ms": {"median": round(1000 * statistics.median(work)), "largest": round(1000 * max(work))},
        "pictures_in_view": max(films),
        "sort_ms": round(order),
        "filter_ms": round(kept),
        "first_search_ms": round(search),
        "next_search_ms": round(again),
        "heap_mib": round(memory),
    }


def main() -> None:
    """Write, measure, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--gallery", type=int, default=10000)
    parser.add_argument("--top", type=int, default=50)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--threads", type=int, default=1, help="threads that write strips")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        query, gallery, q, g = make(args.queries, args.gallery, place / "world")
        ranking = evaluate_features(q, g, protocol="cross_camera", dataset="random", top_k=args.top)
        start, computed = time.perf_counter(), time.process_time()
        done = write_explorer(
            ranking,
            query,
            gallery,
            place / "explorer",
            read_frames=FrameReader().read,
            features=(q, g),
            options=ExplorerOptions(top_k=args.top, threads=args.threads),
        )
        seconds = time.perf_counter() - start
        computed = time.process_time() - computed
        result = {
            "queries": args.queries,
            "gallery": args.gallery,
            "top": args.top,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
            "write_seconds": round(seconds, 1),
            "write_cpu_seconds": round(computed, 1),
            "strips": done.strips,
            "mib": round(done.size / 2**20),
            "browser": measure(place / "explorer" / "index.html", args.queries),
        }
    print(json.dumps(result, indent=2))
    if args.output is not None:
        atomic_write_text(args.output, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
