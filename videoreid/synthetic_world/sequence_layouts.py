"""Files of a world in the published layouts of DukeMTMC-VideoReID, LS-VID, PRID 2011 and iLIDS-VID."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from videoreid.errors import DatasetError
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.footage import film
from videoreid.synthetic_world.layouts import write_all, write_jpeg, write_picture
from videoreid.synthetic_world.population import FRAME_STEP, Population, Sighting
from videoreid.utils.files import require_room

__all__ = ["lay_out_dukemtmcvidreid", "lay_out_ilidsvid", "lay_out_lsvid", "lay_out_prid2011"]

_SPLITS = 8101  # stream of the ten random splits
_NUM_SPLITS = 10
_SIZE = (64, 128)  # width and height of every published frame of PRID 2011 and iLIDS-VID
_MOST = 9999  # largest person number of four digits


def lay_out_dukemtmcvidreid(population: Population, folder: Path) -> None:
    """Write ``<split>/<person>/<tracklet>/<person>_C<camera>_F<index>_X<frame>.jpg``; the gallery has the queries too.

    Every passer-by gets a person number, like the distractors of that dataset; misplaced boxes are left out.
    """
    pids = _number_everyone(population)
    numbers: dict[int, int] = defaultdict(int)

    jobs: list[tuple[Sighting, list[Path]]] = []
    for sighting in population.sightings:
        if sighting.pid < 0:
            continue
        pid = pids[sighting.number]
        numbers[pid] += 1
        names = [
            f"{pid:04d}_C{sighting.visit.camera + 1}_F{place:04d}_X{frame:05d}.jpg"
            for place, frame in enumerate(_frame_numbers(sighting), 1)
        ]
        # a published loader looks for F0001, F0002, ... up to the number of files
        for split in {"query": ("query", "gallery")}.get(sighting.split, (sighting.split,)):
            place = folder / split / f"{pid:04d}" / f"{numbers[pid]:04d}"
            place.mkdir(parents=True)
            jobs.append((sighting, [place / name for name in names]))
    write_all(lambda job: _write_frames(population, *job), jobs)


def lay_out_lsvid(population: Population, folder: Path) -> None:
    """Write images, sequence and frame lists, and the test table as a MATLAB 7.3 file; there is no validation set."""
    pids = _number_everyone(population)
    trained = sorted({sighting.pid for sighting in population.sightings if sighting.split == "train"})
    labels = {pid: label for label, pid in enumerate(trained)}  # the published ids of training count from 0
    sequences: dict[str, list[str]] = {"train": [], "test": []}
    listed: list[str] = []
    rows: list[tuple[int, int, int, int]] = []
    queries: list[int] = []
    numbers: dict[tuple[str, int], int] = defaultdict(int)
    jobs = []
    for sighting in sorted(population.sightings, key=lambda item: (pids[item.number], item.number)):
        if sighting.pid < 0:
            continue
        split = "train" if sighting.split == "train" else "test"
        pid = labels[sighting.pid] if split == "train" else pids[sighting.number]
        camera = sighting.visit.camera + 1
        numbers[split, pid] += 1
        start = f"tracklet_{split}/{pid:04d}/{numbers[split, pid]:04d}_{pid:04d}_{camera:02d}_"
        paths = [f"{start}{frame:06d}.jpg" for frame in _frame_numbers(sighting)]
        sequences[split].append(f"{start} {pid}\n")
        if split == "test":
            rows.append((len(listed) + 1, len(listed) + len(paths), pid, camera))
            listed += paths
            queries += [len(rows)] if sighting.split == "query" else []
        (folder / start).parent.mkdir(parents=True, exist_ok=True)
        jobs.append((sighting, [folder / path for path in paths]))
    write_all(lambda job: _write_frames(population, *job), jobs)
    for split, lines in sequences.items():
        _write_text(folder / "list_sequence" / f"list_seq_{split}.txt", "".join(lines))
    frames = "".join(f"{path} {number}\n" for number, path in enumerate(listed, 1))
    _write_text(folder / "list_frame" / "list_lvreid_test.txt", frames)
    _write_table(
        folder / "test" / "data" / "info_test.mat", info_test=np.array(rows), query=np.array([queries])
    )


def lay_out_prid2011(population: Population, folder: Path) -> None:
    """Write the people of the first two cameras, and ten splits of the people seen by both."""
    images = folder / "prid_2011" / "multi_shot"
    seen = _first_sightings(population)
    jobs = []
    for camera, name in enumerate(("cam_a", "cam_b")):
        for pid, sighting in seen[camera].items():
            place = images / name / f"person_{pid:04d}"
            place.mkdir(parents=True)
            jobs.append((sighting, [place / f"{number:04d}.png" for number in range(1, sighting.count + 1)]))
    write_all(lambda job: _write_small(population, *job), jobs)
    both = [f"person_{pid:04d}" for pid in _in_both(seen)]
    half = len(both) // 2
    splits = [
        {
            "test": [both[place] for place in sorted(order[:half])],
            "train": [both[p] for p in sorted(order[half:])],
        }
        for order in _orders(population, len(both))
    ]
    _write_text(folder / "splits_prid2011.json", json.dumps(splits, indent=4) + "\n")


def lay_out_ilidsvid(population: Population, folder: Path) -> None:
    """Write the people seen by both of the first two cameras, and ten splits into equal halves."""
    import scipy.io  # imported here: the package must import fast

    seen = _first_sightings(population)
    both = _in_both(seen)
    jobs = []
    for camera in (0, 1):
        name = f"cam{camera + 1}"
        for pid in both:
            sighting = seen[camera][pid]
            place = folder / "i-LIDS-VID" / "sequences" / name / f"person{pid:03d}"
            place.mkdir(parents=True)
            files = [f"{name}_person{pid:03d}_{frame:05d}.png" for frame in _frame_numbers(sighting)]
            jobs.append((sighting, [place / file for file in files]))
    write_all(lambda job: _write_small(population, *job), jobs)
    half = len(both) // 2
    rows = [[*sorted(order[:half]), *sorted(order[half:])] for order in _orders(population, len(both))]
    place = folder / "train-test people splits"
    place.mkdir(parents=True)
    numbers = np.array(rows, dtype=np.uint16) + np.uint16(1)  # the published type
    scipy.io.savemat(place / "train_test_splits_ilidsvid.mat", {"ls_set": numbers})


def _number_everyone(population: Population) -> dict[int, int]:
    """Return the person number of every sighting; passers-by, who are 0 in the world, get numbers after all others."""
    last = max(sighting.pid for sighting in population.sightings)
    strangers = sorted({sighting.person for sighting in population.sightings if sighting.pid == 0})
    numbers = {person: number for number, person in enumerate(strangers, last + 1)}
    if last + len(strangers) > _MOST:
        raise DatasetError(
            f"{last + len(strangers)} people and passers-by; the layout numbers at most {_MOST}"
        )
    return {item.number: item.pid or numbers[item.person] for item in population.sightings}


def _frame_numbers(sighting: Sighting) -> range:
    return range(sighting.start, sighting.end + 1, FRAME_STEP)


def _first_sightings(population: Population) -> tuple[dict[int, Sighting], dict[int, Sighting]]:
    """Return, for the first two cameras, the first tracklet of every person."""
    seen: tuple[dict[int, Sighting], dict[int, Sighting]] = ({}, {})
    for sighting in sorted(population.sightings, key=lambda item: (item.pid, item.start, item.number)):
        if sighting.pid > 0 and sighting.visit.camera < 2:
            seen[sighting.visit.camera].setdefault(sighting.pid, sighting)
    return seen


def _in_both(seen: tuple[dict[int, Sighting], dict[int, Sighting]]) -> list[int]:
    """Return the people seen by both cameras, an even number of them, because the splits are halves."""
    both = sorted(seen[0].keys() & seen[1].keys())
    both = both[: len(both) // 2 * 2]
    if not both:
        raise DatasetError(
            "fewer than two people were seen by both of the first two cameras; draw more identities"
        )
    return both


def _orders(population: Population, count: int) -> list[list[int]]:
    return [Draws(population.options.seed, _SPLITS, number).order(count) for number in range(_NUM_SPLITS)]


def _write_frames(population: Population, sighting: Sighting, paths: Sequence[Path]) -> None:
    for path, frame in zip(paths, film(population, sighting), strict=True):
        write_jpeg(path, frame.rgb, population, sighting)


def _write_small(population: Population, sighting: Sighting, paths: Sequence[Path]) -> None:
    for path, frame in zip(paths, film(population, sighting), strict=True):
        bgr = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
        write_picture(path, ".png", cv2.resize(bgr, _SIZE, interpolation=cv2.INTER_AREA), [])


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_table(path: Path, **variables: np.ndarray) -> None:
    """Write doubles as MATLAB 7.3 does: HDF5 with reversed axes, after a header of 512 bytes."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    size = 8 * sum(values.size for values in variables.values())
    require_room(path, size + (1 << 16))  # HDF5 crashes when the disk is full
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in variables.items():
            file[name] = values.T.astype(np.float64)
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
    with path.open("rb+") as raw:
        raw.write(head)
