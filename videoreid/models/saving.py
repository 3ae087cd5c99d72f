"""Save a network as one safetensors file that knows how to build it, and build it again."""

import json
from pathlib import Path
from typing import Any

from videoreid._version import __version__
from videoreid.errors import WeightsError
from videoreid.models.base import ReIDModel
from videoreid.models.factory import build_model
from videoreid.models.loading import load_weights
from videoreid.utils.download import fetch
from videoreid.utils.files import atomic_path

__all__ = ["from_pretrained", "save_pretrained"]

_FILE = "model.safetensors"


def save_pretrained(model: ReIDModel, path: str | Path) -> Path:
    """Write the weights, and the arguments the network was built with, to one safetensors file.

    Args:
        model: a network of `build_model`.
        path: a ``.safetensors`` file, or a folder, where the file is called ``model.safetensors``.

    Returns:
        The file.

    Raises:
        WeightsError: the network was not built by `build_model`, so that nothing would know how to build it again.
    """
    from safetensors.torch import save_file

    if not model.build_arguments:
        raise WeightsError(
            f"this {type(model).__name__} was not made by build_model, so its arguments are unknown: "
            "save model.state_dict() with torch.save instead"
        )
    path = Path(path)
    file = path if path.suffix == ".safetensors" else path / _FILE
    # safetensors refuses tensors that share memory; a copy of each is what is meant
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    metadata = {"format": "pt", "videoreid": __version__, "build": json.dumps(model.build_arguments)}
    with atomic_path(file) as temporary:
        save_file(state, temporary, metadata=metadata)
    return file


def from_pretrained(source: str | Path, **overrides: Any) -> ReIDModel:
    """Build a network from a file of `save_pretrained` and fill it.

    Args:
        source: the file, its folder, or an address (``hf:org/repo/model.safetensors``, ``https://...``).
        **overrides: build arguments to change, such as ``num_classes``; entries that no longer fit are reported.

    Returns:
        The network, in eval mode.

    Raises:
        WeightsError: the file is missing, damaged, or was not written by `save_pretrained`; or, without overrides,
            it does not fill the network completely.
    """
    arguments, file = _read_build_arguments(source)
    model = build_model(**{**arguments, **overrides})
    report = load_weights(model, file)
    if not overrides and (report.missing or report.unexpected or report.mismatched):
        raise WeightsError(f"{file} does not fill the network it describes: {report}")
    return model.eval()


def _read_build_arguments(source: str | Path) -> tuple[dict[str, Any], Path]:
    from safetensors import SafetensorError, safe_open

    if isinstance(source, str) and source.startswith(("hf:", "https:", "http:")):
        source = fetch(source)
    file = Path(source)
    file = file / _FILE if file.is_dir() else file
    if not file.is_file():
        raise WeightsError(f"no weights at {file}: give a file or folder that save_pretrained wrote")
    try:
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata() or {}
    except SafetensorError as error:
        raise WeightsError(f"{file} is not a whole safetensors file ({error})") from error
    if "build" not in metadata:
        raise WeightsError(
            f"{file} does not say how to build its network: use build_model(name, pretrained={str(file)!r})"
        )
    return _tuples(json.loads(metadata["build"])), file


def _tuples(value: Any) -> Any:
    """Turn the lists of JSON back into the tuples that they were."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value
