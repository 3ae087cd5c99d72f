"""Save a network with its build arguments as one safetensors file, and build it from that file."""

import json
from pathlib import Path
from typing import Any

from torch import nn

from videoreid._version import __version__
from videoreid.errors import WeightsError
from videoreid.models.base import ReIDModel
from videoreid.models.build_metadata import parse_build_arguments, parse_json, tensor_digest
from videoreid.models.factory import build_model
from videoreid.models.input_settings import SIZE_OPTIONS, InputSettings
from videoreid.models.loading import load_weights
from videoreid.models.matching import refuse_broken_numbers
from videoreid.utils.download import fetch
from videoreid.utils.files import atomic_path
from videoreid.utils.wrappers import plain_state_dict, unwrap_model

__all__ = ["from_pretrained", "save_pretrained"]

_FILE = "model.safetensors"


def save_pretrained(model: nn.Module, path: str | Path) -> Path:
    """Write the weights, the build arguments and the input settings of a network to one safetensors file.

    Args:
        model: a network of `build_model`, or a wrapper around it (compiled, parallel, averaged); the names in the file
            are those of the network.
        path: a ``.safetensors`` file, or a folder, in which the file is called ``model.safetensors``; ``~`` is the home
            folder.

    Returns:
        The path of the file.

    Raises:
        WeightsError: the network was not built by `build_model`, so its build arguments are unknown; or its weights are
            NaN or infinite.
    """
    from safetensors.torch import save_file

    network = unwrap_model(model)
    if not isinstance(network, ReIDModel) or not network.build_arguments:
        raise WeightsError(
            f"this {type(network).__name__} was not made by build_model, so its arguments are unknown: "
            "save model.state_dict() with torch.save instead"
        )
    path = Path(path).expanduser()
    file = path if path.suffix == ".safetensors" else path / _FILE
    # safetensors refuses tensors that share memory, so each tensor is copied
    own = plain_state_dict(network)
    refuse_broken_numbers(own, own, f"this {type(network).__name__}")
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in own.items()}
    metadata = {
        "format": "pt",
        "videoreid": __version__,
        "build": json.dumps(network.build_arguments),
        "input": json.dumps(InputSettings.of(network).to_dict()),
    }
    metadata["sha256"] = tensor_digest(state, metadata)
    with atomic_path(file) as temporary:
        save_file(state, temporary, metadata=metadata)
    return file


def from_pretrained(source: str | Path, **overrides: Any) -> ReIDModel:
    """Build a network from a file of `save_pretrained` and load its weights, normalisation and size.

    The metadata of the file can only name a network and its options; they cannot make the library fetch or open
    another file.

    Args:
        source: the file, its folder, or an address (``hf:org/repo/model.safetensors``, ``https://...``).
        **overrides: build arguments to change, such as ``num_classes``; entries that no longer fit are reported.

    Returns:
        The network, in eval mode.

    Raises:
        WeightsError: the file is missing, damaged or not written by `save_pretrained`; or, without overrides, the file
            does not fill all entries of the network.
    """
    arguments, file = _read_build_arguments(source)
    model = build_model(**{**arguments, **overrides})
    report = load_weights(model, file)
    settings = _read_metadata(file).get("input")
    if settings is not None:
        explicit_size = SIZE_OPTIONS & overrides.keys()
        InputSettings.from_dict(parse_json(settings, file)).apply(model, size=not explicit_size)
    if not overrides and (report.missing or report.unexpected or report.mismatched):
        raise WeightsError(f"{file} does not fill the network it describes: {report}")
    return model.eval()


def _read_build_arguments(source: str | Path) -> tuple[dict[str, Any], Path]:
    if isinstance(source, str) and source.startswith(("hf:", "https:", "http:")):
        source = fetch(source)
    file = Path(source).expanduser()
    file = file / _FILE if file.is_dir() else file
    if not file.is_file():
        raise WeightsError(f"no weights at {file}: give a file or folder that save_pretrained wrote")
    metadata = _read_metadata(file)
    if "build" not in metadata:
        raise WeightsError(
            f"{file} does not say how to build its network: use build_model(name, pretrained={str(file)!r})"
        )
    return parse_build_arguments(metadata["build"], file), file


def _read_metadata(file: Path) -> dict[str, str]:
    from safetensors import safe_open

    try:
        with safe_open(file, framework="pt") as content:
            return content.metadata() or {}
    except Exception as error:  # a damaged header gives several unrelated types
        raise WeightsError(f"{file} is not a whole safetensors file ({error})") from error
