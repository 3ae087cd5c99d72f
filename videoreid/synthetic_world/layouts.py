"""Files of a world in the published layouts of MARS, Market-1501 and LIP."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, fields
from pathlib import Path

import cv2
import numpy as np

from videoreid.errors import DatasetError
from videoreid.synthetic_world.degradations import FrameTruth
from videoreid.synthetic_world.footage import Frame, film
from videoreid.synthetic_world.population import Population, Sighting

__all__ = ["lay_out_lip", "lay_out_market1501", "lay_out_mars", "write_all", "write_jpeg", "write_picture"]


def lay_out_mars(population: Population, folder: Path) -> None:
    """Write images, name lists, track tables and query rows like those of MARS, and times in an additional file."""
    import scipy.io  # imported here: the package must import fast

    names: dict[str, list[str]] = {"train": [], "test": []}
    tables: dict[str, list[tuple[int, int, int, int]]] = {"train": [], "test": []}
    clock = ["split,row,start,end"]
    queries = []
    jobs = []
    rows = []
    for sighting, number in _in_file_order(population):
        split = "train" if sighting.split == "train" else "test"
        start = len(names[split]) + 1
        person, camera = _folder(sighting.pid), sighting.visit.camera + 1
        own = [f"{person}C{camera}T{number:04d}F{frame:03d}.jpg" for frame in range(1, sighting.count + 1)]
        names[split] += own
        tables[split].append((start, len(names[split]), sighting.pid, camera))
        rows.append(f"{split},{len(tables[split]) - 1}")
        clock.append(f"{rows[-1]},{sighting.start},{sighting.end}")
        if sighting.split == "query":
            queries.append(len(tables["test"]))
        (folder / f"bbox_{split}" / person).mkdir(parents=True, exist_ok=True)
        jobs.append((sighting, [folder / f"bbox_{split}" / person / name for name in own]))
    truths = write_all(lambda job: _write_tracklet(population, *job), jobs)
    info = folder / "info"
    info.mkdir(parents=True, exist_ok=True)
    for split, listed in names.items():
        (info / f"{split}_name.txt").write_text("".join(f"{name}\n" for name in listed), newline="\n")
        table = np.array(tables[split], dtype=np.int32)  # the published type
        scipy.io.savemat(info / f"tracks_{split}_info.mat", {f"track_{split}_info": table})
    scipy.io.savemat(
        info / "query_IDX.mat", {"query_IDX": np.array([queries], dtype=_small(len(tables["test"])))}
    )
    (info / "tracks_time.csv").write_text("".join(f"{line}\n" for line in clock), newline="\n")
    if any(population.options.degradations.values()):
        lines = [f"split,row,{','.join(field.name for field in fields(FrameTruth))}"]
        lines += [f"{row},{_mean_truth(truth)}" for row, truth in zip(rows, truths, strict=True)]
        (info / "tracks_truth.csv").write_text("".join(f"{line}\n" for line in lines), newline="\n")


def _mean_truth(truths: list[FrameTruth]) -> str:
    """Return the means over the frames of a tracklet, as cells of a table."""
    values = np.array([astuple(truth) for truth in truths], dtype=np.float64)
    return ",".join(f"{value:.4f}" for value in values.mean(axis=0))


def _small(largest: int) -> type[np.generic]:
    """Return uint16, the published type of the query rows, or int32 if a row does not fit."""
    return np.uint16 if largest < 1 << 16 else np.int32


def lay_out_market1501(population: Population, folder: Path, images: int) -> None:
    """Write single images, up to ``images`` per tracklet; frame numbers are those of the common clock."""
    places = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
    for place in places.values():
        (folder / place).mkdir(parents=True, exist_ok=True)

    def write(sighting: Sighting) -> None:
        camera = sighting.visit.camera + 1
        person = f"{sighting.pid:04d}" if sighting.pid >= 0 else "-1"
        shown = 1 if sighting.split == "query" else images
        for frame in _spread(list(film(population, sighting)), shown):
            # the last field distinguishes boxes of one image, such as those of two passers-by
            name = (
                f"{person}_c{camera}s1_{frame.number:06d}_{1 + _twin[sighting.number, frame.number]:02d}.jpg"
            )
            write_jpeg(folder / places[sighting.split] / name, frame.rgb, population, sighting)

    _twin = _count_twins(population)
    write_all(write, population.sightings)


def lay_out_lip(population: Population, folder: Path, images: int) -> None:
    """Write images and part labels, up to ``images`` per tracklet.

    Every person is in one split: training people in "train", two thirds of the others in "val", the rest in "test".
    """
    parts = ("train", "val", "test")
    for part in parts:
        (folder / f"{part}_images").mkdir(parents=True, exist_ok=True)
        (folder / f"{part}_segmentations").mkdir(parents=True, exist_ok=True)
    known = [sighting for sighting in population.sightings if sighting.pid > 0]

    def write(sighting: Sighting) -> tuple[str, list[str]]:
        part = "train" if sighting.split == "train" else "test" if sighting.pid % 3 == 0 else "val"
        names = []
        for frame in _spread(list(film(population, sighting)), images):
            name = f"{sighting.number:05d}_{frame.number:06d}"
            write_jpeg(folder / f"{part}_images" / f"{name}.jpg", frame.rgb, population, sighting)
            write_picture(folder / f"{part}_segmentations" / f"{name}.png", ".png", frame.labels, [])
            names.append(name)
        return part, names

    listed: dict[str, list[str]] = {part: [] for part in parts}
    for part, names in write_all(write, known):
        listed[part] += names
    for part, names in listed.items():
        (folder / f"{part}_id.txt").write_text("".join(f"{name}\n" for name in sorted(names)), newline="\n")


def _in_file_order(population: Population) -> list[tuple[Sighting, int]]:
    """Return sightings with tracklet numbers (in time order of each person), sorted by their file names."""
    people: dict[int, list[Sighting]] = defaultdict(list)
    for sighting in population.sightings:
        people[sighting.pid].append(sighting)
    ordered = []
    for pid in sorted(people, key=_folder):
        in_time = sorted(people[pid], key=lambda sighting: (sighting.start, sighting.number))
        numbered = [(sighting, number) for number, sighting in enumerate(in_time, start=1)]
        ordered += sorted(numbered, key=lambda item: (item[0].visit.camera, item[1]))
    return ordered


def _folder(pid: int) -> str:
    return f"{pid:04d}" if pid >= 0 else "00-1"


def _count_twins(population: Population) -> dict[tuple[int, int], int]:
    """Return, by (sighting, frame number), how many earlier boxes have the same person, camera and frame number."""
    seen: dict[tuple[int, int, int], int] = defaultdict(int)
    twins = {}
    for sighting in population.sightings:
        for frame in range(sighting.start, sighting.end + 1):
            key = (sighting.pid, sighting.visit.camera, frame)
            twins[sighting.number, frame] = seen[key]
            seen[key] += 1
    return twins


def _spread(frames: list[Frame], count: int) -> list[Frame]:
    """Return up to ``count`` frames, evenly spread over the tracklet."""
    if count >= len(frames):
        return frames
    return [frames[(2 * place + 1) * len(frames) // (2 * count)] for place in range(count)]


def _write_tracklet(population: Population, sighting: Sighting, paths: list[Path]) -> list[FrameTruth]:
    truths = []
    for path, frame in zip(paths, film(population, sighting), strict=True):
        write_jpeg(path, frame.rgb, population, sighting)
        truths.append(frame.truth)
    return truths


def write_jpeg(path: Path, rgb: np.ndarray, population: Population, sighting: Sighting) -> None:
    """Write ``(H, W, 3)`` RGB as a JPEG in the quality of the sighting's camera."""
    quality = population.cameras[sighting.visit.camera].quality
    write_picture(path, ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])


def write_picture(path: Path, suffix: str, pixels: np.ndarray, settings: list[int]) -> None:
    """Write pixels, BGR ``(H, W, 3)`` or grey ``(H, W)``, in the format of a suffix.

    Raises:
        DatasetError: OpenCV cannot encode it.
    """
    done, data = cv2.imencode(suffix, pixels, settings)
    if not done:
        raise DatasetError(f"OpenCV cannot encode {path.name}; it was built without {suffix} support")
    path.write_bytes(data.tobytes())  # not imwrite, which fails in silence and on some names on Windows


def write_all(write: Callable, jobs: Iterable) -> list:
    """Write every job in two threads: one draws while the other waits for the disk; results keep the job order."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(write, jobs))
