"""Measure the speed of detection and tracking, the speed of the full pipeline into a gallery, and its memory.

Three measurements on one clip, on as many cores as the process may use:

- detection and tracking of every frame: frames per second;
- the full pipeline (decode, detect, track, cut, embed, store) with ``--every 2``: multiples of real time, by the frame
  rate in the file and by 25 frames per second;
- the full pipeline on the clip repeated to ``--long`` frames: memory of the process over time.

Example:
    python benchmarks/footage_speed.py --video video.avi --detector yolox_nano.onnx \
        --model osnet_x0_25 --weights osnet_x0_25_msmt17.pth --output benchmarks/results/footage_speed.json
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from videoreid.data.video import frame_rate, iterate_frames
from videoreid.engine import FeatureExtractor
from videoreid.footage import Yolox, detect, track
from videoreid.indexing import IndexRules, index_recording, model_fingerprint
from videoreid.retrieval import Gallery
from videoreid.utils import atomic_write_text

USUAL_RATE = 25.0
SAMPLES = 16  # readings of the memory


def memory() -> float:
    """Return the resident memory of this process in MB."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(work: Callable[[], int]) -> dict[str, float]:
    """Return frames a second by the clock, milliseconds of processor a frame, and the frames."""
    begin, processor = time.perf_counter(), time.process_time()
    frames = work()
    seconds, processor = time.perf_counter() - begin, time.process_time() - processor
    return {
        "frames": frames,
        "frames_per_second": round(frames / seconds, 1),
        "processor_ms_per_frame": round(1000 * processor / frames, 1),
        "seconds": round(seconds, 1),
    }


def follow(video: str, detector: Yolox) -> int:
    """Detect and track every frame; return how many."""
    frames = 0

    def count(*_: object) -> None:
        nonlocal frames
        frames += 1

    track(detect(video, detector, min_score=0.1), each=count)
    return frames


def indexed(video: str, extractor: FeatureExtractor, rules: IndexRules, readings: list[float]) -> int:
    """Index a recording into a new gallery; return its tracklets, and fill in the memory as it goes."""
    last = -1

    def each(number: int) -> None:
        nonlocal last
        if number != last:
            last = number
            readings.append(memory())

    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery.open(folder, fingerprint=model_fingerprint(extractor.model), create=True)
        return index_recording(gallery, video, extractor, rules=rules, each=each) or 0


def repeat(video: str, frames: int, path: Path) -> None:
    """Write a recording that shows a clip again and again, forwards and backwards, so that nobody jumps."""
    clip = [cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR) for frame in iterate_frames(video)]
    order = [*range(len(clip)), *range(len(clip) - 2, 0, -1)]
    size = (clip[0].shape[1], clip[0].shape[0])
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), frame_rate(video), size)
    for number in range(frames):
        writer.write(clip[order[number % len(order)]])
    writer.release()


def thinned(readings: list[float]) -> list[float]:
    """Return a few readings, evenly spread, the first and the last among them."""
    places = np.linspace(0, len(readings) - 1, min(SAMPLES, len(readings))).round().astype(int)
    return [round(readings[place], 1) for place in places.tolist()]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", required=True)
    parser.add_argument("--detector", default="yolox_nano")
    parser.add_argument("--backends", nargs="+", default=["opencv", "auto"], help="of the detector")
    parser.add_argument("--model", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--every", type=int, default=2)
    parser.add_argument("--long", type=int, default=8000, help="frames of the long recording; 0 for none")
    parser.add_argument("--output", type=Path, help="JSON file for the results")
    return parser.parse_args()


def main() -> None:
    """Measure what the command line names."""
    arguments = parse()
    extractor = FeatureExtractor(arguments.model, arguments.weights)
    results: dict[str, object] = {
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 1),
        "threads_of_torch": torch.get_num_threads(),
        "opencv": cv2.__version__,
        "processor": platform.machine(),
        "rate_of_the_recording": frame_rate(arguments.video),
    }
    for backend in arguments.backends:
        detector = Yolox(arguments.detector, backend=backend)
        rules = IndexRules(detector=detector, every=arguments.every)
        results[f"detect_and_track, {backend}"] = timed(lambda net=detector: follow(arguments.video, net))
        looked = timed(lambda own=rules: _whole_way(arguments.video, extractor, own))
        frames = looked["frames"]
        looked["times_the_recording"] = round(frames / frame_rate(arguments.video) / looked["seconds"], 2)
        looked["times_25_frames_a_second"] = round(frames / USUAL_RATE / looked["seconds"], 2)
        results[f"whole_way, every {arguments.every}, {backend}"] = looked
    if arguments.long:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "long.avi"
            repeat(arguments.video, arguments.long, path)
            readings: list[float] = []
            rules = IndexRules(detector=Yolox(arguments.detector), every=arguments.every)
            tracklets = indexed(str(path), extractor, rules, readings)
        results["memory"] = {
            "frames": arguments.long,
            "tracklets": tracklets,
            "megabytes_on_the_way": thinned(readings),
        }
    text = json.dumps(results, indent=2)
    print(text)
    if arguments.output is not None:
        atomic_write_text(arguments.output, text + "\n")


def _whole_way(video: str, extractor: FeatureExtractor, rules: IndexRules) -> int:
    """Index a recording; return the frames that it has."""
    indexed(video, extractor, rules, [])
    capture = cv2.VideoCapture(video)
    frames = round(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return frames


if __name__ == "__main__":
    main()
