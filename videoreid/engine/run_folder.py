"""Run folders: one run per folder, a record that names the run, and older runs moved to sub-folders."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from videoreid.engine.checkpointing import RECORD, list_checkpoints, load_checkpoint, read_run, step_of
from videoreid.engine.learner import Learner
from videoreid.engine.run_record import complete_record
from videoreid.errors import CheckpointError
from videoreid.utils import get_logger
from videoreid.utils.processes import process_count

__all__ = ["RunRecord", "claim_folder", "describe_run", "home_of", "refuse_other_run", "update_record"]

# Settings that change what is learnt; the others (validation, saving, memory layout) may change on a resume.
_BINDING = (
    "precision", "accumulation", "clip_norm", "ema_decay", "gather_features", "schedule", "fixbase_epochs",
    "open_layers",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The parts and settings of a run, as plain values; ``run.json`` and every checkpoint hold them.

    Args:
        run: unique name of the run.
        model: class of the network.
        build_arguments: arguments of `build_model`; empty for a network that was built without it.
        criterion: class of the criterion.
        optimizers: class of each optimiser.
        settings: the fields of `TrainSettings` that change what is learnt.
        processes: processes that train together.
    """

    run: str
    model: str
    build_arguments: Mapping[str, Any]
    criterion: str
    optimizers: Sequence[str]
    settings: Mapping[str, Any]
    processes: int


def describe_run(learner: Learner) -> RunRecord:
    """Return the record of the run that a learner is in."""
    values = {
        "run": learner.run_id,
        "model": type(learner.model).__qualname__,
        "build_arguments": getattr(learner.model, "build_arguments", {}),
        "criterion": type(learner.criterion).__qualname__,
        "optimizers": [type(optimizer).__qualname__ for optimizer in learner.optimizers],
        "settings": {name: getattr(learner.settings, name) for name in _BINDING},
        "processes": process_count(),
    }
    # as JSON will return it: lists for tuples, and for an object among the arguments the name of its class
    return RunRecord(**json.loads(json.dumps(values, default=lambda value: type(value).__qualname__)))


def refuse_other_run(record: RunRecord, saved: Mapping[str, Any], path: Path) -> None:
    """Refuse a checkpoint that was saved by a run of another model, criterion, optimiser or setting.

    Args:
        record: of the current run.
        saved: the record in the checkpoint.
        path: of the checkpoint, for the message.

    Raises:
        CheckpointError: the runs differ; the message names each difference.
    """
    now, then = _flat(asdict(record)), _flat(dict(saved))
    different = [
        f"{name} was {then.get(name, 'not given')!r} and is {now.get(name, 'not given')!r}"
        for name in dict.fromkeys([*now, *then])
        if name not in ("run", "processes") and now.get(name) != then.get(name)
    ]
    if different:
        raise CheckpointError(
            f"{path} belongs to another run: {'; '.join(different)}. Use the settings of that run, or begin a new run "
            "(resume=None) and load the weights with videoreid.models.load_weights"
        )


def claim_folder(folder: Path, record: RunRecord, *, step: int, resumed_here: bool = False) -> bool:
    """Prepare a folder for the current run: move files of other runs, and later checkpoints, to ``run-<n>``.

    Args:
        folder: output folder of the run; it may be missing.
        record: of the current run.
        step: finished updates; checkpoints of later steps are moved, because the run will take another course.
        resumed_here: the run continues from a checkpoint in this folder.

    Returns:
        Whether the ``best.pt`` of the run was saved after this step and moved.
    """
    best, best_moved = folder / "best.pt", False
    if resumed_here or _owner(folder) == record.run:
        late = [path for path in list_checkpoints(folder) if step_of(path) > step]
        best_moved = bool(late) and best.exists() and _saved_after(best, step)
        late += [best] if best_moved else []
        _move_aside(folder, late, f"goes back to step {step}")
    else:
        others = [
            *list_checkpoints(folder),
            *(best, folder / "log.csv", folder / "evaluations", folder / "report"),
        ]
        used = [path for path in others if path.exists()]
        _move_aside(folder, [*used, folder / RECORD] if used else [], "held another run")
    _write_record(folder, record)
    return best_moved


def home_of(folder: Path, record: RunRecord) -> Path:
    """Return the folder of a run: the given one, or the folder to which a later run has moved its files."""
    if _owner(folder) in (record.run, None):
        return folder
    for aside in sorted(folder.glob("run-*")):
        if _owner(aside) == record.run:
            return aside
    aside = _free_name(folder)
    get_logger("engine").warning("%s was taken by another run; this run continues in %s", folder, aside)
    _write_record(aside, record)
    return aside


def update_record(folder: Path, record: RunRecord) -> None:
    """Write the record of a run again, after a setting was chosen during the run."""
    _write_record(home_of(folder, record), record)


def _owner(folder: Path) -> str | None:
    """Return the name of the run that owns a folder; "" if its record cannot be read."""
    try:
        return read_run(folder)
    except CheckpointError:
        return ""


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a record, with dotted names for those of nested records."""
    flat: dict[str, Any] = {}
    for name in (field.name for field in fields(RunRecord)):
        value = record.get(name)
        flat |= (
            {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, Mapping) else {name: value}
        )
    return flat


def _saved_after(path: Path, step: int) -> bool:
    try:
        return bool(load_checkpoint(path)["progress"]["step"] > step)
    except CheckpointError:
        return True  # a damaged file is moved with the rest


def _write_record(folder: Path, record: RunRecord) -> None:
    """Write the record; other entries of the same run stay in the file."""
    complete_record(folder, asdict(record), fresh=_owner(folder) != record.run)


def _move_aside(folder: Path, paths: Sequence[Path], why: str) -> None:
    existing = [path for path in paths if path.exists()]
    if not existing:
        return
    aside = _free_name(folder)
    aside.mkdir()
    for path in existing:
        path.rename(aside / path.name)
    get_logger("engine").warning("%s %s: %d files were moved to %s", folder, why, len(existing), aside)


def _free_name(folder: Path) -> Path:
    number = 1
    while (folder / f"run-{number}").exists():
        number += 1
    return folder / f"run-{number}"
