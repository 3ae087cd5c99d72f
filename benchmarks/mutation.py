"""Run mutation testing: change the code a little, run the tests that cover it, and count how often they fail.

Each mutant changes one comparison, operator, number or truth value of one module; no file changes. A first run
without a mutant records which tests call which functions. A mutant inside a function is put into the function of a
forked process that has collected the tests: the tests that call the function run first, the others only if it
survives them. What runs at import (numbers of records, defaults, functions that are called while modules load) needs
a process that has not loaded the module: the import system gives it the mutated source. A mutant is killed when a
test or the collection fails, or when the tests take more than ten times their processor time. Survivors are listed; a
reader decides whether one is equivalent to the original (`EQUIVALENT`).

The record is written after every mutant. The same command goes on where an earlier one ended, and tries a mutant
again only if its module, or for a survivor its tests, have changed.

    python benchmarks/mutation.py --mutants 40            # of each group
    python benchmarks/mutation.py --group losses --mutants 0    # all of one group

Needs a system with fork and Python 3.11. Results: benchmarks/results/mutation.json.
"""

import argparse
import importlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mutants import ROOT, Mutant, content_of, mutants_of, mutated_source
from mutation_tests import Chooser, Server, SourceFinder, Suite, in_child, run_pytest

RESULTS = ROOT / "benchmarks" / "results" / "mutation.json"
GROUPS = {
    "losses": (["videoreid/losses"], ["tests/losses", "tests/optim/test_centers.py"]),
    "ranking": (
        ["videoreid/metrics/ranking", "videoreid/metrics/precision.py"],
        ["tests/metrics/ranking", "tests/metrics/test_precision.py"],
    ),
    "sampling": (["videoreid/data/sampling"], ["tests/data/test_sampling.py"]),
    "presets": (["videoreid/data/transforms/presets.py"], ["tests/data/test_transforms_presets.py"]),
    "protocols": (["videoreid/metrics/ranking/protocols.py"], ["tests/metrics/ranking"]),
    "recipes": (
        ["videoreid/recipes"],
        [
            "tests/recipes/test_published_numbers.py",
            "tests/recipes/test_building.py",
            "tests/recipes/test_page.py",
            "tests/recipes/test_running.py",
            "tests/cli/test_st.py",
            "tests/cli/test_extract_run.py",
        ],
    ),
}
EQUIVALENT = RESULTS.with_name("mutation_equivalent.json")
"""Survivors that a reader found to be equal to the original in every result, with the reason, by description."""

LOADED = {
    "recipes": [
        f"videoreid.{room}" for room in ("data.datasets", "engine", "losses", "metrics", "models", "optim")
    ]
}
"""What a group's processes load before they fork: nothing that imports what is mutated."""


def run_group(name: str, count: int, seed: int, results: Path) -> None:
    """Try mutants of one group; write what became of them after each."""
    places, tests = GROUPS[name]
    roots = [ROOT / place for place in places]
    files = [path for root in roots for path in (sorted(root.rglob("*.py")) if root.is_dir() else [root])]
    every = [mutant for path in files for mutant in mutants_of(path)]
    chosen = every if count == 0 or count >= len(every) else random.Random(seed).sample(every, count)
    record = Record(name, results, files, tests, chosen, {"mutants": len(every), "seed": seed})
    record.write()
    if not record.open():
        return
    for module in LOADED.get(name, []):
        importlib.import_module(module)
    sources = {path: mutated_source(path, None) for path in files}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = f"{folder}/hypothesis"
        note = Path(folder) / "suite.json"
        inside = [mutant for mutant in record.open() if mutant.function]

        def serve() -> int:
            sys.meta_path.insert(0, SourceFinder(sources))
            server = Server(files, inside, note, record.tell)
            server.recorder.__enter__()
            return run_pytest(tests, server)

        in_child(serve, 360000)
        if not note.exists():
            raise SystemExit(f"the tests fail without any mutant: {' '.join(tests)}")
        suite = Suite(**json.loads(note.read_text(encoding="utf-8")))
        record.read()
        for mutant in record.open():
            began = time.monotonic()

            def work(mutant: Mutant = mutant) -> int:
                mutated = {**sources, mutant.path: mutated_source(mutant.path, mutant.index)}
                sys.meta_path.insert(0, SourceFinder(mutated))
                order = suite.order(f"{mutant.path}:{mutant.function}")
                files = list(dict.fromkeys(nodeid.partition("::")[0] for nodeid in order))
                return run_pytest(files, Chooser(order))

            status = in_child(work, suite.limit)
            record.tell(mutant, status != 0, time.monotonic() - began)


class Record:
    """What became of the mutants of a group, in a file that several groups share.

    Args:
        name: of the group.
        path: the file.
        files: the modules of the group.
        tests: its files and folders of tests.
        chosen: the mutants to try.
        about: further figures for the file.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        files: list[Path],
        tests: list[str],
        chosen: list[Mutant],
        about: dict[str, int],
    ) -> None:
        self.name, self.path, self.chosen, self.about, self.tests = name, path, chosen, about, tests
        self.modules = {str(file.relative_to(ROOT)): content_of([file]) for file in files}
        places = [ROOT / test for test in tests]
        self.content = content_of(
            [file for place in places for file in (sorted(place.rglob("*.py")) or [place])]
        )
        self.reasons = json.loads(EQUIVALENT.read_text(encoding="utf-8")) if EQUIVALENT.exists() else {}
        self.verdicts: dict[str, str] = {}
        self.terminal = os.dup(1)  # pytest, and what silences it, leave this one alone
        self.read()

    def read(self) -> None:
        """Take from the file what still holds."""
        record = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        held = record.get(self.name, {})
        for mutant in self.chosen:
            module = str(mutant.path.relative_to(ROOT))
            verdict = held.get("verdicts", {}).get(mutant.words)
            same = held.get("modules", {}).get(module) == self.modules[module]
            if verdict and same and (verdict == "killed" or held.get("test_content") == self.content):
                self.verdicts[mutant.words] = verdict

    def open(self) -> list[Mutant]:
        """Return the mutants that are still to try; one that is equivalent by reading is not tried."""
        done = {*self.verdicts, *self.reasons}
        return [mutant for mutant in self.chosen if mutant.words not in done]

    def tell(self, mutant: Mutant, killed: bool, seconds: float) -> None:
        """Note what became of a mutant."""
        self.verdicts[mutant.words] = "killed" if killed else "survived"
        verdict, left = self.verdicts[mutant.words], len(self.open())
        words = f"{self.name} {left} left: {verdict} {seconds:.1f}s {mutant.words}"
        os.write(self.terminal, f"{words}\n".encode())
        self.write()

    def write(self) -> None:
        """Put the figures of the group into the file."""
        words = [mutant.words for mutant in self.chosen]
        equivalent = [each for each in words if each in self.reasons and self.verdicts.get(each) != "killed"]
        killed = [each for each in words if self.verdicts.get(each) == "killed"]
        survived = [
            each for each in words if self.verdicts.get(each) == "survived" and each not in equivalent
        ]
        figures = {
            "chosen": len(words),
            "tried": len(killed) + len(survived) + len(equivalent),
            "equivalent": len(equivalent),
            "killed": len(killed),
            "killed_share": round(len(killed) / max(len(killed) + len(survived), 1), 4),
            "survivors": survived,
            "tests": self.tests,
            "test_content": self.content,
            "modules": self.modules,
            "verdicts": {each: self.verdicts[each] for each in words if each in self.verdicts},
        }
        write_group(self.name, {**self.about, **figures}, self.path)


def write_group(name: str, group: Mapping[str, Any], results: Path) -> None:
    """Put the figures of a group into the record, which several processes may hold at once."""
    record = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    record[name] = group
    partial = results.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.replace(results)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--group", choices=GROUPS, action="append", help="default: all")
    parser.add_argument(
        "--mutants", type=int, default=40, help="mutants of each group, drawn at random; 0 takes all"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    preload()
    for name in (
        args.group or GROUPS
    ):  # each in a process of its own, which loads what others must not have loaded
        child = os.fork()
        if child == 0:
            try:
                run_group(name, args.mutants, args.seed, args.results)
            except BaseException as error:
                print(f"{name}: {error!r}", flush=True)
                os._exit(1)
            os._exit(0)
        os.waitpid(child, 0)


def preload() -> None:
    """Load what is not mutated before the fork, so that no child loads it."""
    import cv2
    import h5py  # noqa: F401
    import hypothesis  # noqa: F401
    import numpy  # noqa: F401
    import pytest  # noqa: F401
    import scipy.io
    import scipy.ndimage
    import scipy.special  # noqa: F401
    import torch
    import torchvision.transforms.v2  # noqa: F401

    torch.set_num_threads(1)
    cv2.setNumThreads(0)


if __name__ == "__main__":
    main()
