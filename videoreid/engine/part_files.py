"""Store finished clips on disk, so that a killed extraction continues there, on any number of processes."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from videoreid.errors import ConfigError
from videoreid.utils import atomic_path, atomic_write_text

__all__ = ["Part", "PartFiles"]

_NAME = re.compile(r"clips-(\d+)-(\d+)\.npz")


class Part(NamedTuple):
    """Sums of the embeddings of the clips ``first`` to ``last - 1``, per tracklet.

    Args:
        first: number of the first clip, counted over all tracklets.
        last: number after the last clip.
        rows: ``(n,)`` int64, positions of the tracklets, ascending.
        sums: ``(n, D)`` float64, sum over the clips of each tracklet.
    """

    first: int
    last: int
    rows: np.ndarray
    sums: np.ndarray


class PartFiles:
    """A folder next to the output: ``run.json`` describes the extraction, each part file holds the sums of some clips.

    Args:
        output: the feature file that is being made.
    """

    def __init__(self, output: Path) -> None:
        self.folder = output.with_name(output.name + ".partial")

    def record(self) -> dict[str, str]:
        """Return the content of ``run.json``; empty if the file is missing or damaged."""
        try:
            known = json.loads((self.folder / "run.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def open(self, run: Mapping[str, str]) -> None:
        """Make the folder, or continue with it.

        Args:
            run: everything that the features depend on. Parts of another run are never used.

        Raises:
            ConfigError: the folder holds parts of another run.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "run.json"
        if not path.is_file():
            atomic_write_text(path, json.dumps(dict(run), indent=2) + "\n")
            return
        known = self.record()
        if known != run:
            different = sorted(key for key in run if known.get(key) != run[key])
            raise ConfigError(
                f"{self.folder} holds the beginning of another extraction, with other {', '.join(different)}; "
                "features are not mixed: finish that extraction, choose another output, or delete the folder"
            )

    def read(self, total: int) -> list[Part]:
        """Return the parts in the order of their clips, without damaged parts and parts that overlap another.

        Args:
            total: number of all clips.
        """
        parts: list[Part] = []
        for first, last, path in sorted(self._found()):
            if first < (parts[-1].last if parts else 0) or not first < last <= total:
                continue
            try:
                with np.load(path, allow_pickle=False) as stored:
                    part = Part(first, last, stored["rows"], stored["sums"])
            except (ValueError, EOFError, OSError, KeyError):
                continue  # damaged: its clips run again
            types = part.rows.dtype == np.int64 and part.sums.dtype == np.float64
            if types and part.sums.ndim == 2 and part.rows.shape == part.sums.shape[:1]:
                parts.append(part)
        return parts

    def write(self, part: Part) -> None:
        """Write a part; a part that is interrupted leaves no file."""
        path = self.folder / f"clips-{part.first:09d}-{part.last:09d}.npz"
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, rows=part.rows, sums=part.sums)

    def remove(self) -> None:
        """Delete the folder, after the feature file is written."""
        shutil.rmtree(self.folder)

    def _found(self) -> list[tuple[int, int, Path]]:
        matches = ((_NAME.fullmatch(path.name), path) for path in self.folder.glob("clips-*.npz"))
        return [(int(match[1]), int(match[2]), path) for match, path in matches if match]
