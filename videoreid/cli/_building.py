"""Build a network by name and weights, or load an exported file; shared by several commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.models import ReIDModel

__all__ = ["add_size_argument", "build_with_weights", "is_exported"]

_EXPORTED = (".onnx", ".ts", ".xml")


def add_size_argument(parser: Any, meaning: str = "input size of a frame (default: the network's)") -> None:
    """Declare ``--size HEIGHT WIDTH`` for a parser or an argument group."""
    parser.add_argument("--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help=meaning)


def is_exported(model: str) -> bool:
    """Return whether ``model`` is the file of an exported network, and not the name of a network."""
    return model.endswith(_EXPORTED)


def build_with_weights(model: str, weights: str | None) -> "ReIDModel":
    """Build a network and load its weights, or load an exported network.

    Args:
        model: name of a network, or an exported file.
        weights: checkpoint file, or the name of published weights; None for an exported file.

    Raises:
        ConfigError: a network has no weights, or an exported file is given with weights.
    """
    from videoreid.export import load
    from videoreid.models import build_model, load_weights

    if is_exported(model):
        if weights:
            raise ConfigError(f"{model} already holds its weights: do not give --weights")
        return load(model)
    if not weights:
        raise ConfigError("--weights is missing: give a checkpoint file, or the name of published weights")
    if not Path(weights).exists() and not Path(weights).suffix:
        return build_model(model, pretrained=weights)
    network = build_model(model)
    load_weights(network, weights)
    return network
