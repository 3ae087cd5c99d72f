"""Networks by name and weights, or from an exported file; shared by the verbs that run one."""

from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.models import ReIDModel

__all__ = ["build_with_weights", "is_exported"]

_EXPORTED = (".onnx", ".ts", ".xml")


def is_exported(model: str) -> bool:
    """Tell a file of an exported network from the name of one."""
    return model.endswith(_EXPORTED)


def build_with_weights(model: str, weights: str | None) -> "ReIDModel":
    """Build a network and fill it, or load an exported one.

    Args:
        model: name of a network, or an exported file.
        weights: checkpoint file, or the name of published weights; none for an exported file.

    Raises:
        ConfigError: a network without weights, or an exported file with some.
    """
    from videoreid.export import load
    from videoreid.models import build_model, load_weights

    if is_exported(model):
        if weights:
            raise ConfigError(f"{model} holds its weights: leave --weights out")
        return load(model)
    if not weights:
        raise ConfigError("--weights is missing: give a checkpoint file, or the name of published weights")
    if not Path(weights).exists() and not Path(weights).suffix:
        return build_model(model, pretrained=weights)
    network = build_model(model)
    load_weights(network, weights)
    return network
