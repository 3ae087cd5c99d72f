"""Read a run folder: its record, the history of the training, and the stored evaluations."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoreid.engine.checkpointing import RECORD, list_checkpoints
from videoreid.engine.evaluation_files import EVALUATIONS, StoredEvaluation, read_evaluation
from videoreid.engine.run_record import read_record
from videoreid.errors import DatasetError

__all__ = ["RunFolder"]


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The folder of a training or an evaluation; docs/run_folder.md lists its files.

    Args:
        path: the folder.
        record: content of ``run.json``.
        checkpoints: ``checkpoint-<step>.pt``, oldest first.
        evaluation_names: in the order in which they were written.
    """

    path: Path
    record: Mapping[str, Any]
    checkpoints: tuple[Path, ...] = ()
    evaluation_names: tuple[str, ...] = ()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "RunFolder":
        """Read a run folder; rankings and features are read later, on request.

        Args:
            path: the output folder of a training or an evaluation.

        Raises:
            DatasetError: the folder is not a run folder, is damaged, or was written by a newer version.
        """
        path = Path(path)
        if not (path / RECORD).is_file():
            raise DatasetError(
                f"{path} is not a run folder: it has no {RECORD}. Give the output folder of a training, or of "
                "videoreid eval, rank or train"
            )
        record = read_record(path)
        noted = [str(name) for name in record.get("evaluations", {})]
        here = [name for name in noted if (path / EVALUATIONS / name).is_dir()]
        return cls(path, record, tuple(list_checkpoints(path)), tuple(here))

    @property
    def name(self) -> str:
        """Last part of the path."""
        return self.path.resolve().name

    @property
    def history(self) -> list[dict[str, float]]:
        """One row per finished epoch: mean losses, lr and validation metrics; null in ``run.json`` becomes NaN."""
        rows = self.record.get("progress", {}).get("history", [])
        return [
            {name: math.nan if value is None else float(value) for name, value in row.items()} for row in rows
        ]

    @property
    def seconds(self) -> float:
        """Training time in seconds, summed over all sessions."""
        return float(sum(session.get("seconds", 0.0) for session in self.record.get("sessions", [])))

    def evaluation(self, name: str | None = None) -> StoredEvaluation:
        """Read a stored evaluation.

        Args:
            name: one of ``evaluation_names``; the first by default.

        Raises:
            DatasetError: no evaluation has this name, or it is damaged.
        """
        if not self.evaluation_names:
            raise DatasetError(
                f"{self.path} holds no evaluation: score the run with Engine.evaluate(..., output_dir=...), or "
                "features with videoreid eval --output"
            )
        name = self.evaluation_names[0] if name is None else name
        if name not in self.evaluation_names:
            raise DatasetError(
                f"{self.path} holds no evaluation {name!r}; it has {', '.join(self.evaluation_names)}"
            )
        return read_evaluation(self.path / EVALUATIONS / name)
