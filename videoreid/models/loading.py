"""Load weights into a network and report every entry."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from videoreid.models.base import ReIDModel
from videoreid.models.build_metadata import parse_build_arguments
from videoreid.models.checkpoint_file import read_state_dict, unwrap_state_dict
from videoreid.models.input_settings import SIZE_OPTIONS, InputSettings, stored_settings
from videoreid.models.load_report import LoadReport, compare
from videoreid.models.matching import find_entries, refuse_broken_numbers, refuse_other_network
from videoreid.models.options import embedding_options
from videoreid.models.registered import MODELS
from videoreid.utils.log import get_logger
from videoreid.utils.wrappers import unwrap_model, without_wrapper_names

__all__ = ["LoadReport", "load_weights", "stored_options"]


def load_weights(
    model: nn.Module,
    source: str | Path | Mapping[str, Any],
    *,
    key: str | None = None,
    prefix: str | None = None,
    partial: bool = False,
) -> LoadReport:
    """Load a checkpoint of this library, of torchreid, or of a published system whose names the network knows.

    An entry is loaded only if its (translated) name and its shape are those of the network, so a classifier for another
    number of identities keeps its values and is reported. The report is also logged. Prefixes of wrappers (``module.``,
    ``model.``, ``net.``, ``backbone.``, in any nesting) are removed; of several prefixes, the one under which most
    parameters fit is used. Checkpoints of this library also set normalisation and input size.

    Args:
        model: the network, filled in place; it may be compiled, parallel or averaged.
        source: a file (PyTorch or safetensors; ``~`` is the home folder), or a state dict, with or without the
            wrappers ``state_dict``, ``model``, ``net``. If there is a moving average of the weights, it is loaded.
        key: name of the entry that holds the weights, if it is another name ("teacher"), or to choose one of several
            ("state_dict" instead of "ema").
        prefix: load only the parameters with this prefix, and remove it.
        partial: load the entries that fit even if they are few, for example the first layers of a deeper network.

    Returns:
        The names of the loaded, missing and unexpected entries, and of those with another shape.

    Raises:
        WeightsError: no such file, entry or prefix; a truncated file; a web page; a pickle that would run code; NaN or
            infinite weights; weights of another network: none fits, more than a quarter of the entries of its layers do
            not fit, or it has more or fewer layers. The network is then unchanged.
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
    _compare_options(network, settings, origin)
    questionable = [*report.missing, *report.unexpected, *report.mismatched]
    # a classifier for other identities is normal in fine-tuning; everything else is logged as a warning
    surprising = any(not name.startswith("classifier") for name in questionable)
    get_logger("models").log(logging.WARNING if surprising else logging.INFO, "%s: %s", origin, report)
    return report


def stored_options(name: str, path: str | Path) -> dict[str, Any]:
    """Return the options with which a network was built whose weights are in a file, for `build_model`.

    Args:
        name: of the network.
        path: file of the weights.

    Returns:
        Empty if the file does not say, or is of a network of another name.

    Raises:
        UnknownNameError: there is no such network.
        WeightsError: as in `load_weights`; or an option names a file or an address.
    """
    if ":" not in name:  # a family's library knows its names
        MODELS[name]  # an unknown name is told before the file is read
    settings = stored_settings(read_state_dict(path))
    if settings is None or settings.build.get("name") != name:
        return {}
    build = parse_build_arguments(json.dumps(settings.build), Path(path))
    return {option: value for option, value in build.items() if option not in ("name", "num_classes")}


def _take_settings(
    network: nn.Module, settings: InputSettings | None, report: LoadReport, origin: str
) -> None:
    """Set normalisation and size from the checkpoint; the size only if the network was not built with a size."""
    if settings is None or not isinstance(network, ReIDModel):
        return
    built_for_a_size = SIZE_OPTIONS & network.build_arguments.keys()
    misfits = [name for name in report.mismatched if not name.startswith("classifier")]
    before = InputSettings.of(network)
    settings.apply(network, size=not built_for_a_size and not misfits)
    if InputSettings.of(network) != before:
        message = "%s: input settings changed from %s to those stored with the weights, %s"
        get_logger("models").info(message, origin, before, InputSettings.of(network))


def _compare_options(network: nn.Module, settings: InputSettings | None, origin: str) -> None:
    """Warn if the weights were saved from a network of the same name with other options: it embeds otherwise."""
    own: Mapping[str, Any] = getattr(network, "build_arguments", {})
    if settings is None or settings.build.get("name") != own.get("name") or not own:
        return
    stored, present = embedding_options(settings.build), embedding_options(own)
    if any(_as_lists(stored.get(name)) != _as_lists(present.get(name)) for name in {*stored, *present}):
        get_logger("models").warning(
            "%s was saved from %s with %s, but this network has %s, and its embeddings will be other ones: build it "
            "with the same options",
            origin,
            own["name"],
            _in_words(stored),
            _in_words(present),
        )


def _as_lists(value: Any) -> Any:
    """Convert tuples to lists, which JSON has instead."""
    return [_as_lists(one) for one in value] if isinstance(value, list | tuple) else value


def _in_words(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in options.items()) or "the default options"
