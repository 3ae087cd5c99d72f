"""Run folders: one run a folder, a record that names the run, and older runs moved aside."""

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

__all__ = ["RunRecord", "claim_folder", "describe_run", "home_of", "refuse_other_run"]

# Settings that change what is learnt; the others (validation, saving, memory layout) may change on a resume.
_BINDING = (
    "precision", "accumulation", "clip_norm", "ema_decay", "gather_features", "schedule", "fixbase_epochs",
    "open_layers",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What a run trains, in plain values; ``run.json`` and every checkpoint hold it.

    Args:
        run: unique name of the run.
        model: class of the network.
        build_arguments: what `build_model` was called with; empty for a network built by hand.
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
    # as it will be read back: lists for tuples; an object that a network was built with is known by its class
    return RunRecord(**json.loads(json.dumps(values, default=lambda value: type(value).__qualname__)))


def refuse_other_run(record: RunRecord, saved: Mapping[str, Any], path: Path) -> None:
    """Refuse a checkpoint that was saved by a run of another model, criterion, optimiser or setting.

    Args:
        record: of the present run.
        saved: the record in the checkpoint.
        path: of the checkpoint, for the message.

    Raises:
        CheckpointError: names each difference.
    """
    now, then = _flat(asdict(record)), _flat(dict(saved))
    different = [
        f"{name} was {then.get(name, 'not given')!r} and is {now.get(name, 'not given')!r}"
        for name in dict.fromkeys([*now, *then])
        if name not in ("run", "processes") and now.get(name) != then.get(name)
    ]
    if different:
        raise CheckpointError(
            f"{path} belongs to another run: {'; '.join(different)}. Give what that run had, or begin a new run "
            "(resume=None) and load the weights with videoreid.models.load_weights"
        )


def claim_folder(folder: Path, record: RunRecord, *, step: int, resumed_here: bool = False) -> bool:
    """Make a folder the present run's: move files of other runs, and checkpoints past its step, to ``run-<n>``.

    Args:
        folder: where the run will write; may be absent.
        record: of the present run.
        step: updates that are finished; later checkpoints belong to a course that is given up.
        resumed_here: the run goes on from a checkpoint in this folder.

    Returns:
        Whether the run's ``best.pt`` was saved past its step and moved.
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
    """Return where a run writes: its folder, or where another run that began in that folder has moved it."""
    if _owner(folder) in (record.run, None):
        return folder
    for aside in sorted(folder.glob("run-*")):
        if _owner(aside) == record.run:
            return aside
    aside = _free_name(folder)
    get_logger("engine").warning("%s was taken by another run; this one goes on in %s", folder, aside)
    _write_record(aside, record)
    return aside


def _owner(folder: Path) -> str | None:
    """Return whose a folder is; a folder whose record cannot be read is another program's."""
    try:
        return read_run(folder)
    except CheckpointError:
        return ""


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a record, those of its inner records under dotted names."""
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
    """Write what the run trains; what else is known of the same run stays."""
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
