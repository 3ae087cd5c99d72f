"""Put published weights into a network, and say exactly what went where."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from videoreid.errors import WeightsError
from videoreid.models.base import ReIDModel
from videoreid.models.checkpoint_file import read_state_dict, unwrap_state_dict
from videoreid.utils.log import get_logger

__all__ = ["LoadReport", "load_weights"]


@dataclass(frozen=True)
class LoadReport:
    """What became of every entry of a checkpoint and of every entry of the network.

    Args:
        loaded: entries of the network that were filled.
        missing: entries of the network that the checkpoint does not have; they keep their initial values.
        unexpected: entries of the checkpoint that the network has no place for.
        mismatched: entries of another shape, with (shape in the checkpoint, shape in the network); not loaded.
        optional: absent entries that the embedding does not depend on (see `ReIDModel.optional_keys`).
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    optional: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"loaded {len(self.loaded)} entries"]
        for label in ("missing", "unexpected", "optional"):
            names = getattr(self, label)
            if names:
                parts.append(f"{label} {len(names)}: {_shortened(names)}")
        if self.mismatched:
            shapes = [f"{name} {found} here {wanted}" for name, (found, wanted) in self.mismatched.items()]
            parts.append(f"of another shape {len(shapes)}: {_shortened(shapes)}")
        return "; ".join(parts)


def load_weights(model: ReIDModel, source: str | Path | Mapping[str, Tensor]) -> LoadReport:
    """Fill a network from a checkpoint of this library, of torchreid, or of a system it knows the names of.

    Nothing is guessed: an entry is loaded only under its own (or its translated) name and with its own shape, so a
    classifier for another number of identities stays as it is and is reported. The report is also logged.

    Args:
        model: network to fill, in place.
        source: a file (PyTorch or safetensors), or a state dict, with or without the wrappers ``state_dict``,
            ``model`` and ``module.``.

    Returns:
        What was loaded, missing, unexpected and of another shape.

    Raises:
        WeightsError: no such file; a truncated file; a web page; a pickle that would run code; no entry fits.
    """
    if isinstance(source, str | Path):
        state, origin = read_state_dict(source), str(source)
    else:
        state, origin = unwrap_state_dict(source, "the given state dict"), "the given state dict"
    report = _fill(model, model.translate_state_dict(state))
    if not report.loaded:
        raise WeightsError(
            f"{origin} does not fit {type(model).__name__}: none of its {len(state)} entries has a place; it holds "
            f"{_shortened(list(state))}, the network has {_shortened(list(model.state_dict()))}"
        )
    questionable = [*report.missing, *report.unexpected, *report.mismatched]
    # a classifier for other identities is what every fine-tuning meets; all else deserves attention
    surprising = any(not name.startswith("classifier") for name in questionable)
    get_logger("models").log(logging.WARNING if surprising else logging.INFO, "%s: %s", origin, report)
    return report


@torch.no_grad()
def _fill(model: ReIDModel, state: Mapping[str, Tensor]) -> LoadReport:
    own = model.state_dict(keep_vars=True)
    fits = {name for name in own.keys() & state.keys() if own[name].shape == state[name].shape}
    for name in fits:
        own[name].copy_(state[name])
    absent = [name for name in own if name not in state and not _is_counter(name)]
    optional = [name for name in absent if any(re.search(key, name) for key in model.optional_keys)]
    return LoadReport(
        loaded=tuple(name for name in own if name in fits),
        missing=tuple(name for name in absent if name not in set(optional)),
        unexpected=tuple(name for name in state if name not in own),
        mismatched={
            name: (tuple(state[name].shape), tuple(own[name].shape))
            for name in own
            if name in state and name not in fits
        },
        optional=tuple(optional),
    )


def _is_counter(name: str) -> bool:
    """Batch norm counts its batches since PyTorch 0.4.1; older checkpoints lack the count, and nothing uses it."""
    return name.endswith("num_batches_tracked")


def _shortened(names: list[str] | tuple[str, ...], limit: int = 4) -> str:
    more = f", ... ({len(names) - limit} more)" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
