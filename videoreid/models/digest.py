"""One number for what a network answers: its weights and how it wants its pixels."""

import json
import re
from typing import Any

from torch import nn

from videoreid.models.build_metadata import tensor_digest
from videoreid.models.input_settings import InputSettings
from videoreid.utils.wrappers import plain_state_dict, unwrap_model

__all__ = ["weights_digest"]


def weights_digest(model: nn.Module) -> str:
    """Return a SHA-256 over the weights and the normalisation of a network.

    Classifiers, and other heads that only training uses (`ReIDModel.optional_keys`), are left out: they are drawn at
    random where a checkpoint has another number of identities, and no embedding depends on them.

    Args:
        model: the network, or a wrapper around it. A network without tensors of its own (an exported file) says
            ``weights_sha256`` itself.

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
    settings = InputSettings.of(network).to_dict() if hasattr(network, "input_size") else {}
    return tensor_digest(state, {"input": json.dumps(settings, sort_keys=True)})
