"""One checksum for the weights, the pixel normalisation and the options of a network."""

import inspect
import json
import re
from typing import Any

from torch import nn

from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD
from videoreid.models.build_metadata import tensor_digest
from videoreid.models.factory import MODELS
from videoreid.models.frame_network import FrameOptions
from videoreid.utils.wrappers import plain_state_dict, unwrap_model

__all__ = ["embedding_options", "weights_digest"]

_NOT_OF_THE_EMBEDDING = frozenset(
    ["name", "num_classes", "normalisation", "drop_path", "dropout", "gradient_checkpointing"]
)


def embedding_options(model: nn.Module) -> dict[str, Any]:
    """Return the options that a network was built with, if they are not the default and can change the embedding.

    Two networks can have equal tensors and different embeddings: ``temporal="max"`` has no parameters. Options that
    only training uses are left out, and so is the normalisation, which a network also has as attributes.

    Args:
        model: the network, or a wrapper around it. It is empty for a network that `build_model` did not build.
    """
    given: dict[str, Any] = getattr(unwrap_model(model), "build_arguments", {})
    default: dict[str, Any] = dict(vars(FrameOptions()))
    if isinstance(name := given.get("name"), str) and name in MODELS:
        default |= {key: one.default for key, one in inspect.signature(MODELS[name]).parameters.items()}
    return {
        key: value
        for key, value in sorted(given.items())
        if key not in _NOT_OF_THE_EMBEDDING and not (key in default and default[key] == value)
    }


def weights_digest(model: nn.Module) -> str:
    """Return a SHA-256 over the weights, the normalisation and the options of a network.

    Classifiers, and other heads that only training uses (`ReIDModel.optional_keys`), are left out: they are random if
    the checkpoint had another number of identities, and the embedding does not depend on them.

    Args:
        model: the network, or a wrapper around it. A network without tensors (an exported file) provides the attribute
            ``weights_sha256``.

    Returns:
        64 hexadecimal digits.
    """
    network: Any = unwrap_model(model)
    known = getattr(network, "weights_sha256", "")
    if known:
        return str(known)
    heads = ("^classifier", *getattr(network, "optional_keys", ()))
    state = {
        name: tensor
        for name, tensor in plain_state_dict(model).items()
        if not any(re.search(pattern, name) for pattern in heads)
    }
    mean, std = getattr(network, "pixel_mean", IMAGENET_MEAN), getattr(network, "pixel_std", IMAGENET_STD)
    settings = [[*map(float, mean)], [*map(float, std)], bool(getattr(network, "uses_cameras", False))]
    texts = {"input": json.dumps(settings)}
    if options := embedding_options(network):
        texts["options"] = json.dumps(options, sort_keys=True, default=str)
    return tensor_digest(state, texts)
