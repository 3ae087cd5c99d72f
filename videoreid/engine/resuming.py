"""How a fit begins: from a checkpoint, where the same learner was stopped, or as a new run."""

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
    """Resume if asked to, and make the folder this run's own.

    Args:
        learner: takes over the checkpoint.
        resume: "auto" for the newest checkpoint in the folder, if there is one; or its path.
        folder: where the run will write.
        start_epoch: epochs that a new run counts as finished.

    Returns:
        Where this process's loader and generators were, if the run goes on inside an epoch.

    Raises:
        CheckpointError: no checkpoint can be read, or it belongs to another run.
        ConfigError: it was saved by fewer or more processes, or "auto" has no folder to look in.
    """
    state = learner.progress
    path = _restore(learner, resume, folder)
    if path is None:
        if state.step == 0:
            state.epoch = max(state.epoch, start_epoch)
        where = learner.position
        if where is None or (where.epoch, where.batch) != (state.epoch, state.batch):
            state.begin_epoch()  # an error ended it, and the position of its loader is unknown
    _claim(folder, describe_run(learner), learner, path)
    if learner.position is None or not state.batch:
        return None
    stream = learner.position.streams[process_rank()]
    set_random_state(stream["now"])
    return stream


def _claim(folder: Path | None, record: RunRecord, learner: Learner, path: Path | None) -> None:
    gather_objects(None)  # every process has read before anything is moved
    best_moved = False
    if folder is not None and process_rank() == 0:
        here = path is not None and path.resolve().parent == folder.resolve()
        best_moved = claim_folder(folder, record, step=learner.progress.step, resumed_here=here)
        add_session(folder, step=learner.progress.step, device=learner.device)
    if any_process(best_moved):  # what is best so far decides on every process when patience ends
        learner.progress.best = None


def _restore(learner: Learner, resume: Literal["auto"] | Path | None, folder: Path | None) -> Path | None:
    """Take over a checkpoint, after it was looked at whole: a refused one changes nothing."""
    found = _find(resume, folder)
    if found is None:
        return None
    path, content = found
    saved = TrainingState.from_dict(content)
    if not saved.streams:
        raise CheckpointError(
            f"{path} holds the weights that scored best, and nothing to go on from: resume from a checkpoint-<step>.pt"
        )
    before, now = len(saved.streams), process_count()
    if before != now:
        raise ConfigError(
            f"{path} was saved by {before} processes and this run has {now}: resume with as many"
        )
    learner.refuse_misfit(saved)
    if saved.run is not None:
        refuse_other_run(describe_run(learner), saved.run, path)
    learner.load_state_dict(content)
    learner.run_id = learner.run_id if saved.run is None else saved.run["run"]
    learner.position = Position(learner.progress.epoch, learner.progress.batch, saved.streams)
    set_random_state(saved.streams[process_rank()]["now"])
    get_logger("engine").info("resumed from %s, step %d", path, learner.progress.step)
    return path


def _find(
    resume: Literal["auto"] | Path | None, folder: Path | None
) -> tuple[Path, Mapping[str, Any]] | None:
    if resume is None:
        return None
    if resume != "auto":
        return Path(resume), load_checkpoint(resume)
    if folder is None:
        raise ConfigError("resume='auto' looks for checkpoints in output_dir, which is not given")
    return find_checkpoint(folder)
