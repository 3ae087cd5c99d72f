"""Write the checkpoints of a run: the training state, and the weights with the best score."""

from dataclasses import asdict, replace
from pathlib import Path

from videoreid.engine.checkpointing import checkpoint_path, prune_checkpoints, save_checkpoint
from videoreid.engine.epoch_batches import EpochBatches
from videoreid.engine.learner import Learner
from videoreid.engine.random_state import get_random_state
from videoreid.engine.run_folder import describe_run, home_of
from videoreid.engine.run_record import note_progress
from videoreid.engine.training_state import Position, TrainingState
from videoreid.utils.processes import gather_objects, process_rank

__all__ = ["place_after", "place_in", "save_best", "save_state"]


def place_in(learner: Learner, batches: EpochBatches) -> Position:
    """Return the position of all processes inside the epoch, and store it in the learner."""
    state = learner.progress
    learner.position = Position(state.epoch, state.batch, gather_objects(batches.state_dict()))
    return learner.position


def place_after(learner: Learner, place: Position) -> Position:
    """Return the same position with the current state of the generators, after a validation has drawn from them."""
    stream = {**place.streams[process_rank()], "now": get_random_state()}
    learner.position = replace(place, streams=gather_objects(stream))
    return learner.position


def save_state(learner: Learner, folder: Path | None, place: Position) -> None:
    """Write a checkpoint at a position, and delete the oldest checkpoints.

    Args:
        learner: its state is saved, by the first process.
        folder: of the run; None saves nothing.
        place: position of all processes.
    """
    if folder is None or process_rank() != 0:
        return
    record = describe_run(learner)
    home = home_of(folder, record)
    state = replace(learner.state(), streams=place.streams, run=asdict(record))
    save_checkpoint(state.to_dict(), checkpoint_path(home, learner.progress.step))
    prune_checkpoints(home, learner.settings.keep)
    progress = learner.progress
    reached = {"epoch": progress.epoch, "step": progress.step, "history": progress.rows()}
    note_progress(home, record.run, reached)


def save_best(learner: Learner, folder: Path | None) -> None:
    """Write the scored weights to ``best.pt``, in the format of a checkpoint.

    Args:
        learner: its weights are saved, by the first process.
        folder: of the run; None saves nothing.
    """
    if folder is None or process_rank() != 0:
        return
    record = describe_run(learner)
    state = TrainingState(
        state_dict=learner.scored_model.state_dict(),
        progress=learner.progress.state_dict(),
        run=asdict(record),
    )
    save_checkpoint(state.to_dict(), home_of(folder, record) / "best.pt")
