"""The file ``run.json`` of a run folder: recipe, settings, versions, command and dataset."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from videoreid.engine import Event
from videoreid.engine.environment import git_revision, installed_versions
from videoreid.errors import ConfigError
from videoreid.recipes.overrides import settings_of
from videoreid.recipes.record import Recipe
from videoreid.types import Splits
from videoreid.utils import atomic_write_text
from videoreid.utils.printing import say

__all__ = ["RunNotes", "describe_run", "read_notes", "refuse_other_recipe"]

_FILE = "run.json"
_FREE = ("epochs", "validate_every", "validate_from", "test_batch_size", "reranked", "pretrained")
"""Settings that a resumed run may change: they decide when training ends and how it is validated."""


def describe_run(
    recipe: Recipe, splits: Splits, *, command: Sequence[str] = (), root: str | Path | None = None
) -> dict[str, Any]:
    """Return what is needed to repeat a run.

    Args:
        recipe: with the settings that were used.
        splits: the dataset.
        command: command line of the run.
        root: folder of the dataset.
    """
    counts = {
        part: {
            "tracklets": len(tracklets),
            "identities": len({tracklet.pid for tracklet in tracklets}),
            "frames": sum(len(tracklet) for tracklet in tracklets),
        }
        for part, tracklets in (("train", splits.train), ("query", splits.query), ("gallery", splits.gallery))
    }
    return {
        "recipe": settings_of(recipe),
        "seed": recipe.seed,
        "command": list(command),
        "dataset": {
            "name": splits.name,
            "root": None if root is None else str(root),
            "protocol": splits.protocol,
            **counts,
        },
        "versions": installed_versions(),
        "revision": git_revision(),
    }


def read_notes(folder: Path) -> dict[str, Any] | None:
    """Return the content of ``run.json`` in a folder; None if the file is missing.

    Raises:
        ConfigError: the file cannot be read.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{path} cannot be read ({error}); move it away, or name another folder with --output"
        ) from error
    if not isinstance(notes, dict) or not all(
        isinstance(notes.get(key, {}), dict) for key in ("recipe", "dataset")
    ):
        raise ConfigError(
            f"{path} is no record of a run: it, and what it says under recipe and dataset, must be objects; move it "
            "away, or name another folder with --output"
        )
    return notes


def refuse_other_recipe(folder: Path, recipe: Recipe, dataset: str) -> None:
    """Refuse a folder that holds a run of another recipe, dataset or setting.

    Args:
        folder: output folder of the run; it may be missing.
        recipe: of the run.
        dataset: name of the dataset and its split.

    Raises:
        ConfigError: the folder holds such a run; the message names each difference.
    """
    notes = read_notes(folder)
    if notes is None or "recipe" not in notes:
        return
    stored, wanted = dict(notes["recipe"]), json.loads(json.dumps(settings_of(recipe)))
    stored["dataset"], wanted["dataset"] = notes.get("dataset", {}).get("name"), dataset
    different = [
        f"{name} was {stored.get(name)!r} and is {wanted[name]!r}"
        for name in wanted
        if name not in _FREE and stored.get(name) != wanted[name]
    ]
    if different:
        raise ConfigError(
            f"{folder} holds a run of another recipe: {'; '.join(different)}. Name another folder with --output"
        )


class RunNotes:
    """A callback of the engine that adds to ``run.json`` and prints where a resumed run continues.

    Args:
        folder: of the run.
        notes: fields to add to the record that the engine writes.
    """

    def __init__(self, folder: Path, notes: Mapping[str, Any]) -> None:
        self.folder = folder
        self.notes = notes
        self._begun = False
        self._written = False

    def begin_run(self) -> None:
        """Note that the run is new; the engine calls this before the first step of a new run."""
        self._begun = True

    def __call__(self, event: Event) -> None:
        """Write at the first event: by then the engine has checked the folder and written its own record."""
        if self._written:
            return
        self._written = True
        if not self._begun and event.kind == "step":
            say(f"resumed at epoch {event.epoch + 1}")
        record = read_notes(self.folder) or {}
        atomic_write_text(self.folder / _FILE, json.dumps({**record, **self.notes}, indent=2) + "\n")
