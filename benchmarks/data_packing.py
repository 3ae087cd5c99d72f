"""Compare random-clip reading of loose files and of a packed store, with cold and warm page cache.

Writes a synthetic dataset of JPEG files (cut into tracklets of 60 frames), packs it, and reads clips as P x K training
does: 8 identities x 4 tracklets, 8 frames each. "cold" drops the page cache first, which needs root on Linux; without
it only the warm figures are measured. "bytes" only reads, "clips" also decodes.

    python benchmarks/data_packing.py --frames 1200000 --folder /tmp/packing --output packing.json

``--prepare`` stops once the dataset is written and packed; the next call with the same folder measures.
"""

import argparse
import json
import os
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from videoreid.data.clips import ClipDataset, ClipKey
from videoreid.data.decoding import read_bytes
from videoreid.data.keys import parse_key
from videoreid.data.packing import pack_splits, verify_store
from videoreid.data.samplers import PKSampler
from videoreid.data.sampling import sample_indices
from videoreid.data.stores import open_store, packed_splits
from videoreid.types import Splits, Tracklet

LENGTH = 60
TRACKLETS_PER_PERSON = 12
FRAMES_PER_CLIP = 8
DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def write_dataset(folder: Path, frames: int) -> list[Tracklet]:
    """Write ``frames`` JPEG files, 256x128, in a folder a person; an existing dataset is taken as it is."""
    rng = np.random.default_rng(0)
    pool = []
    for _ in range(256):
        coarse = cv2.resize(
            rng.integers(0, 256, (16, 8, 3), dtype=np.uint8), (128, 256), interpolation=cv2.INTER_CUBIC
        )
        image = np.clip(coarse + rng.normal(0, rng.uniform(0.5, 3), coarse.shape), 0, 255).astype(np.uint8)
        pool.append(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    tracklets, written = [], 0
    while written < frames:
        number = len(tracklets)
        pid, camid = divmod(number, TRACKLETS_PER_PERSON)
        home = folder / "bbox_train" / f"{pid:05d}"
        home.mkdir(parents=True, exist_ok=True)
        present = {entry.name for entry in os.scandir(home)}
        paths = [f"{home}/{pid:05d}C{camid % 6 + 1}T{camid:04d}F{f:03d}.jpg" for f in range(LENGTH)]
        for place, path in enumerate(paths):
            if (image := Path(path)).name not in present:
                image.write_bytes(pool[(7 * number + place) % len(pool)])
        tracklets.append(Tracklet(tuple(paths), pid, camid % 6))
        written += LENGTH
    return tracklets


def clip_keys(tracklets: list[Tracklet], epoch: int, clips: int) -> list[list[str]]:
    """Return the frame keys of the first clips that P x K training would read in an epoch."""
    sampler = PKSampler(tracklets, batch_size=32, instances=4)
    sampler.set_epoch(epoch)
    keys = []
    for key, _ in zip(sampler, range(clips), strict=False):
        frames = tracklets[key.tracklet].frames
        rule = np.random.default_rng(key.position)
        keys.append([frames[i] for i in sample_indices("restricted", len(frames), FRAMES_PER_CLIP, rule)[0]])
    return keys


def read_file_bytes(keys: list[str]) -> None:
    for key in keys:
        read_bytes(key)


def read_store_bytes(keys: list[str]) -> None:
    store = open_store(parse_key(keys[0]).path)
    entries = [parse_key(key).entry for key in keys]
    store.prefetch(entries)  # as `FrameReader` does
    for entry in entries:
        store.read(entry)


def decode_clips(tracklets: list[Tracklet]) -> Callable[[list[str]], None]:
    dataset = ClipDataset(tracklets[:1], num_frames=FRAMES_PER_CLIP)

    def read(keys: list[str]) -> None:
        dataset.transform(dataset.reader.read(keys), np.random.default_rng(0))

    assert isinstance(dataset[ClipKey(0, 0, 0)].frames, torch.Tensor)
    return read


def drop_caches() -> bool:
    """Empty the page cache, with directory entries and inodes."""
    try:
        os.sync()
        DROP_CACHES.write_text("3")
    except OSError:
        return False
    return True


def rate(read: Callable[[list[str]], None], clips: list[list[str]]) -> float:
    """Return frames per second."""
    start = time.perf_counter()
    for keys in clips:
        read(keys)
    return sum(map(len, clips)) / (time.perf_counter() - start)


def measure(
    files: list[Tracklet], packed: list[Tracklet], clips: int, repeats: int
) -> dict[str, dict[str, float]]:
    """Return median frames per second by state and reader; every repeat reads other clips."""
    readers = {
        "files, bytes": (files, read_file_bytes),
        "store, bytes": (packed, read_store_bytes),
        "files, clips": (files, decode_clips(files)),
        "store, clips": (packed, decode_clips(packed)),
    }
    rates: dict[str, dict[str, list[float]]] = {"cold": {}, "warm": {}}
    for repeat in range(repeats):
        for name, (tracklets, read) in readers.items():
            keys = clip_keys(tracklets, repeat, clips)
            if drop_caches():
                rates["cold"].setdefault(name, []).append(rate(read, keys))
            else:
                rate(read, keys)
            rates["warm"].setdefault(name, []).append(statistics.median(rate(read, keys) for _ in range(3)))
    return {
        state: {name: statistics.median(v) for name, v in found.items()} for state, found in rates.items()
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=320)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    start = time.perf_counter()
    files = write_dataset(args.folder, args.frames)
    written = time.perf_counter() - start
    store = args.folder / "dataset.h5"
    start = time.perf_counter()
    if not store.exists():
        pack_splits(Splits("synthetic", train=tuple(files)), store, root=args.folder)
    packing = time.perf_counter() - start
    print(f"wrote files in {written:.1f} s, packed in {packing:.1f} s", flush=True)
    if args.prepare:
        return
    start = time.perf_counter()
    packed = list(packed_splits(store).train)
    open_store(store)
    opening = time.perf_counter() - start
    found = measure(files, packed, args.clips, args.repeats)
    frames = len(files) * LENGTH
    result = {
        "frames": frames,
        "store_gb": round(store.stat().st_size / 1e9, 2),
        "clips per reading": args.clips,
        "verified frames": verify_store(store),
        "store / files": {
            f"{state}, {what}": round(found[state][f"store, {what}"] / found[state][f"files, {what}"], 2)
            for state in found
            for what in ("bytes", "clips")
            if found[state]
        },
    }
    print(json.dumps(result, indent=1))
    print(f"opened the store and listed its tracklets in {opening:.2f} s")
    print({state: {name: round(value) for name, value in rows.items()} for state, rows in found.items()})
    if args.output:
        args.output.write_text(json.dumps(result, indent=1) + "\n")
    if not args.keep:
        shutil.rmtree(args.folder)


if __name__ == "__main__":
    main()
