"""Begin a fit: from a checkpoint, where the same learner was stopped, or as a new run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from videoreid.engine.checkpointing import find_checkpoint, load_checkpoint
from videoreid.engine.gathering import any_process
from videoreid.engine.learner import Learner
from videoreid.engine.random_state import set_random_state
from videoreid.engine.run_folder import RunRecord, claim_folder, describe_run, refuse_other_run
from videoreid.engine.run_record import add_session
from videoreid.engine.training_state import Position, TrainingState
from videoreid.errors import CheckpointError, ConfigError
from videoreid.utils import get_logger
from videoreid.utils.processes import gather_objects, process_count, process_rank

__all__ = ["begin_run"]


def begin_run(
    learner: Learner, resume: Literal["auto"] | Path | None, folder: Path | None, *, start_epoch: int = 0
) -> Mapping[str, Any] | None:
    """Load the checkpoint of ``resume``, if any, and prepare the folder for this run.

    Args:
        learner: into which the checkpoint is loaded.
        resume: "auto" for the newest checkpoint in the folder, if there is one; or the path of one.
        folder: output folder of the run.
        start_epoch: epochs that a new run counts as finished.

    Returns:
        The state of this process's loader and generators if the run continues inside an epoch; else None.

    Raises:
        CheckpointError: no checkpoint can be read, or it belongs to another run.
        ConfigError: another number of processes saved the checkpoint, or "auto" has no folder to search.
    """
    state = learner.progress
    path = _restore(learner, resume, folder)
    if path is None:
        if state.step == 0:
            state.epoch = max(state.epoch, start_epoch)
        where = learner.position
        if where is None or (where.epoch, where.batch) != (state.epoch, state.batch):
            state.begin_epoch()  # an error ended the epoch, and the position of its loader is unknown
    _claim(folder, describe_run(learner), learner, path)
    if learner.position is None or not state.batch:
        return None
    stream = learner.position.streams[process_rank()]
    set_random_state(stream["now"])
    return stream


def _claim(folder: Path | None, record: RunRecord, learner: Learner, path: Path | None) -> None:
    gather_objects(None)  # all processes read before a file is moved
    best_moved = False
    if folder is not None and process_rank() == 0:
        here = path is not None and path.resolve().parent == folder.resolve()
        best_moved = claim_folder(folder, record, step=learner.progress.step, resumed_here=here)
        add_session(folder, step=learner.progress.step, device=learner.device)
    if any_process(
        best_moved
    ):  # all processes must agree on the best metric, which decides when patience ends
        learner.progress.best = None


def _restore(learner: Learner, resume: Literal["auto"] | Path | None, folder: Path | None) -> Path | None:
    """Load a checkpoint after all checks; a refused checkpoint changes nothing."""
    found = _find(resume, folder)
    if found is None:
        return None
    path, content = found
    saved = TrainingState.from_dict(content)
    if not saved.streams:
        raise CheckpointError(
            f"{path} holds only the weights with the best score, which cannot be resumed: resume from a "
            "checkpoint-<step>.pt"
        )
    before, now = len(saved.streams), process_count()
    if before != now:
        raise ConfigError(
            f"{path} was saved by {before} processes and this run has {now}: resume with {before}"
        )
    learner.refuse_misfit(saved)
    if saved.run is not None:
        _keep_precision(learner, saved.run)
        refuse_other_run(describe_run(learner), saved.run, path)
    learner.load_state_dict(content)
    learner.run_id = learner.run_id if saved.run is None else saved.run["run"]
    learner.position = Position(learner.progress.epoch, learner.progress.batch, saved.streams)
    set_random_state(saved.streams[process_rank()]["now"])
    get_logger("engine").info("resumed from %s, step %d", path, learner.progress.step)
    return path


def _keep_precision(learner: Learner, run: Mapping[str, Any]) -> None:
    """Replace the precision "auto" by the one in which the run began, without timing."""
    began: Any = run.get("settings", {}).get("precision")
    if learner.settings.precision == "auto" and began in ("float32", "bfloat16"):
        learner.use_precision(began)


def _find(
    resume: Literal["auto"] | Path | None, folder: Path | None
) -> tuple[Path, Mapping[str, Any]] | None:
    if resume is None:
        return None
    if resume != "auto":
        return Path(resume), load_checkpoint(resume)
    if folder is None:
        raise ConfigError("resume='auto' searches output_dir for checkpoints: give output_dir")
    return find_checkpoint(folder)
