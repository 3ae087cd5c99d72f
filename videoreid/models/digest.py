"""One checksum for the weights, the pixel normalisation and the options of a network."""

import json
import re
from typing import Any

from torch import nn

from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD
from videoreid.models.build_metadata import tensor_digest
from videoreid.models.options import embedding_options
from videoreid.utils.wrappers import plain_state_dict, unwrap_model

__all__ = ["weights_digest"]


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
    if options := embedding_options(getattr(network, "build_arguments", {})):
        texts["options"] = json.dumps(options, sort_keys=True, default=str)
    return tensor_digest(state, texts)
