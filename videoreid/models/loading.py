"""Put published weights into a network, and say exactly what went where."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from videoreid.models.base import ReIDModel
from videoreid.models.checkpoint_file import read_state_dict, unwrap_state_dict
from videoreid.models.input_settings import SIZE_OPTIONS, InputSettings
from videoreid.models.load_report import LoadReport, compare
from videoreid.models.matching import find_entries, refuse_broken_numbers, refuse_other_network
from videoreid.utils.log import get_logger
from videoreid.utils.wrappers import unwrap_model, without_wrapper_names

__all__ = ["LoadReport", "load_weights"]


def load_weights(
    model: nn.Module,
    source: str | Path | Mapping[str, Any],
    *,
    key: str | None = None,
    prefix: str | None = None,
    partial: bool = False,
) -> LoadReport:
    """Fill a network from a checkpoint of this library, of torchreid, or of a system it knows the names of.

    Nothing is guessed: an entry is loaded only under its own (or its translated) name and with its own shape, so a
    classifier for another number of identities stays as it is and is reported. The report is also logged. Names of
    wrappers in front of all parameters (``module.``, ``model.``, ``net.``, ``backbone.``, in any nesting) come off; of
    several that fit, the one under which most parameters fit is taken. Normalisation and input size come along where
    this library wrote them.

    Args:
        model: network to fill, in place; compiled, parallel and averaged networks are looked through.
        source: a file (PyTorch or safetensors; ``~`` is the home folder), or a state dict, with or without the
            wrappers ``state_dict``, ``model``, ``net``. Of a run with a moving average, the average is taken.
        key: the entry of the checkpoint that holds the weights, where it has another name ("teacher"), or where
            there are several ("state_dict" instead of "ema").
        prefix: take the parameters under this prefix alone, and take it off.
        partial: take what fits, be it little: the beginning of a deeper network, for instance.

    Returns:
        What was loaded, missing, unexpected and of another shape.

    Raises:
        WeightsError: no such file, entry or prefix; a truncated file; a web page; a pickle that would run code; NaN or
            infinite weights; weights of another network: none fits, more than a quarter of its layers' entries has no
            place here, or it has more or fewer layers. The network is then as it was before.
    """
    network = unwrap_model(model)
    if isinstance(source, str | Path):
        state, origin = read_state_dict(source, key=key), str(source)
    else:
        origin = "the given state dict"
        state = unwrap_state_dict(source, origin, key=key)
    own = without_wrapper_names(network.state_dict(keep_vars=True))
    found, outside, settings = find_entries(network, own, state, prefix=prefix, origin=origin)
    report = compare(own, found, outside=outside, optional=getattr(network, "optional_keys", ()))
    refuse_other_network(network, report, found, origin=origin, partial=partial)
    refuse_broken_numbers(found, report.loaded, origin)
    with torch.no_grad():
        for name in report.loaded:
            own[name].copy_(found[name])
    _take_settings(network, settings, report, origin)
    questionable = [*report.missing, *report.unexpected, *report.mismatched]
    # a classifier for other identities is what every fine-tuning meets; all else deserves attention
    surprising = any(not name.startswith("classifier") for name in questionable)
    get_logger("models").log(logging.WARNING if surprising else logging.INFO, "%s: %s", origin, report)
    return report


def _take_settings(
    network: nn.Module, settings: InputSettings | None, report: LoadReport, origin: str
) -> None:
    """Take over normalisation and size; the size only where the network was not built for one of its own."""
    if settings is None or not isinstance(network, ReIDModel):
        return
    built_for_a_size = SIZE_OPTIONS & network.build_arguments.keys()
    misfits = [name for name in report.mismatched if not name.startswith("classifier")]
    before = InputSettings.of(network)
    settings.apply(network, size=not built_for_a_size and not misfits)
    if InputSettings.of(network) != before:
        message = "%s: input settings were %s and are those stored with the weights now, %s"
        get_logger("models").info(message, origin, before, InputSettings.of(network))
