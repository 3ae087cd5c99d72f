"""The options of a network that change its embedding."""

import inspect
from collections.abc import Mapping
from typing import Any

from videoreid.models.frame_network import FrameOptions
from videoreid.models.registered import MODELS

__all__ = ["embedding_options"]

_NOT_OF_THE_EMBEDDING = frozenset(
    ["name", "num_classes", "normalisation", "drop_path", "dropout", "gradient_checkpointing"]
)


def embedding_options(build_arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a network that are not the default and can change the embedding, sorted by name.

    Two networks can have equal tensors and different embeddings: ``temporal="max"`` has no parameters. Options that
    only training uses are left out, and so is the normalisation, which a network also has as attributes.

    Args:
        build_arguments: of `build_model`, with the name; empty for a network that it did not build.
    """
    default: dict[str, Any] = dict(vars(FrameOptions()))
    if isinstance(name := build_arguments.get("name"), str) and name in MODELS:
        default |= {key: one.default for key, one in inspect.signature(MODELS[name]).parameters.items()}
    return {
        key: value
        for key, value in sorted(build_arguments.items())
        if key not in _NOT_OF_THE_EMBEDDING and not (key in default and default[key] == value)
    }
