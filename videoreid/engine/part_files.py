"""Finished rows of an extraction on disk, so that a killed one goes on where it was."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ConfigError
from videoreid.utils import atomic_path, atomic_write_text

__all__ = ["PartFiles"]


class PartFiles:
    """A folder beside the output: ``run.json`` says of what it is, each part holds the rows of some tracklets.

    Args:
        output: the feature file that is being made.
        run: what the features depend on; texts. Parts of another run are never taken.

    Raises:
        ConfigError: the folder holds parts of another run.
    """

    def __init__(self, output: Path, run: dict[str, str]) -> None:
        self.folder = output.with_name(output.name + ".partial")
        self.folder.mkdir(parents=True, exist_ok=True)
        record = self.folder / "run.json"
        if record.is_file():
            try:
                known = json.loads(record.read_text("utf-8"))
            except ValueError:
                known = None
            if known != run:
                different = sorted(
                    key for key in run if not isinstance(known, dict) or known.get(key) != run[key]
                )
                raise ConfigError(
                    f"{self.folder} holds the beginning of another extraction, with other {', '.join(different)}; "
                    "features are not mixed: finish that one, choose another output, or delete the folder"
                )
        else:
            atomic_write_text(record, json.dumps(run, indent=2) + "\n")

    def read(self) -> list[Tensor]:
        """Return the parts ``(n, D)`` from the first tracklet on, as far as they follow on each other."""
        parts: list[Tensor] = []
        done = 0
        while (path := self._path(done)).is_file():
            try:
                rows = np.load(path, allow_pickle=False)
            except (ValueError, EOFError, OSError):
                break  # damaged: its tracklets are done again
            if rows.ndim != 2 or len(rows) == 0 or rows.dtype != np.float32:
                break
            parts.append(torch.from_numpy(rows))
            done += len(rows)
        return parts

    def write(self, first: int, rows: Tensor) -> None:
        """Keep rows ``(n, D)`` of the tracklets from number ``first`` on, whole or not at all."""
        with atomic_path(self._path(first)) as path, path.open("wb") as file:
            np.save(file, rows.numpy(), allow_pickle=False)

    def remove(self) -> None:
        """Delete the folder; the feature file is written."""
        shutil.rmtree(self.folder)

    def _path(self, first: int) -> Path:
        return self.folder / f"rows-{first:09d}.npy"
