"""The content of a checkpoint, as one record with a format number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor, nn

from videoreid.errors import CheckpointError

__all__ = ["FORMAT", "Position", "TrainingState"]

FORMAT = 1


@dataclass(frozen=True)
class Position:
    """The position of a run inside an epoch.

    Args:
        epoch: finished epochs.
        batch: batches of the current epoch that were trained.
        streams: `EpochBatches.state_dict` of each process: the state of its generators and its loader.
    """

    epoch: int
    batch: int
    streams: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """The content of a checkpoint. In ``best.pt`` only weights, progress and run are set.

    Args:
        state_dict: of the model; in ``best.pt`` the weights that were scored.
        progress: `Progress.state_dict`.
        criterion: its ``state_dict``.
        optimizers: their ``state_dict``.
        scheduler: its ``state_dict``.
        scaler: ``state_dict`` of the loss scaler, under float16.
        ema: ``state_dict`` of the moving average.
        streams: see `Position`.
        run: `RunRecord` as a dictionary.
        format: number of the format; a newer number than the reader knows is refused.
    """

    state_dict: Mapping[str, Tensor]
    progress: Mapping[str, Any]
    criterion: Mapping[str, Any] | None = None
    optimizers: Sequence[Mapping[str, Any]] = ()
    scheduler: Mapping[str, Any] | None = None
    scaler: Mapping[str, Any] | None = None
    ema: Mapping[str, Any] | None = None
    streams: Sequence[Mapping[str, Any]] = ()
    run: Mapping[str, Any] | None = None
    format: int = FORMAT

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, without copying a tensor."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "TrainingState":
        """Return the record from the dictionary that `to_dict` returned.

        Raises:
            CheckpointError: weights or progress are missing, or the format is newer.
        """
        if state.get("format", FORMAT) > FORMAT:
            raise CheckpointError(
                f"the checkpoint has format {state['format']} and this version reads formats up to {FORMAT}: install a "
                "newer version"
            )
        if "state_dict" not in state or "progress" not in state:
            raise CheckpointError(
                "this is not a training state; to load weights only, use videoreid.models.load_weights"
            )
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in state.items() if name in known})

    def refuse_misfit(self, parts: Mapping[str, Any], num_optimizers: int) -> None:
        """Refuse a state that does not fit the current run, before any part of it is loaded.

        Args:
            parts: the objects of the run for ``state_dict``, ``criterion``, ``scheduler``, ``scaler`` and ``ema``.
            num_optimizers: of the run.

        Raises:
            CheckpointError: a part is missing or does not fit; the message names it.
        """
        wrong = []
        for name, part in parts.items():
            saved = getattr(self, name)
            if (part is None) != (saved is None):
                wrong.append(f"{name} is missing in {'this run' if part is None else 'the checkpoint'}")
            elif isinstance(part, nn.Module):
                wrong += _misfits(name, part.state_dict(), saved)
        if len(self.optimizers) != num_optimizers:
            wrong.append(f"it has {len(self.optimizers)} optimisers, not {num_optimizers}")
        if wrong:
            raise CheckpointError(f"the checkpoint belongs to another run: {'; '.join(wrong[:5])}")


def _misfits(part: str, own: Mapping[str, Any], saved: Mapping[str, Any]) -> list[str]:
    """Return the names and shapes that differ between a module and a saved state."""
    here, there = (
        {name: tuple(value.shape) for name, value in state.items() if isinstance(value, Tensor)}
        for state in (own, saved)
    )
    return [
        f"{part}.{name} is {there.get(name, 'absent')} in the checkpoint and {here.get(name, 'absent')} here"
        for name in dict.fromkeys([*here, *there])
        if here.get(name) != there.get(name)
    ]
