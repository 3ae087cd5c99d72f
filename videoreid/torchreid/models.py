"""torchreid's `build_model` and network functions, with its keywords and order of arguments."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from videoreid.models import build_model as build
from videoreid.models import list_models
from videoreid.models.base import ReIDModel

__all__ = ["build_model", "show_avai_models"]


def build_model(
    name: str,
    num_classes: int,
    loss: str = "softmax",
    pretrained: bool | str | Path = False,  # noqa: FBT001, FBT002 - torchreid's signature
    use_gpu: bool = True,  # noqa: FBT001, FBT002
    **kwargs: Any,
) -> ReIDModel:
    """Build a network by name; see `videoreid.models.build_model`.

    Args:
        name: see `show_avai_models`.
        num_classes: number of training identities K.
        loss: what the network returns in train mode inside a subclass of `Engine`: the logits, or
            ``(logits, features)`` for "triplet". Elsewhere it returns all its heads, as `ReIDOutput`.
        pretrained: start from published weights. The default is False (torchreid: True): downloads need a request.
        use_gpu: accepted and ignored: the engine moves the network to its device.
        **kwargs: options of the network.
    """
    del use_gpu
    model = build(name, num_classes, pretrained, **kwargs)
    model.loss = loss  # type: ignore[assignment]  # a word, as torchreid keeps it
    return model


def show_avai_models() -> None:
    """Print the names of the networks."""
    print(list_models())  # noqa: T201 - torchreid's function prints


def __getattr__(name: str) -> Callable[..., ReIDModel]:
    """Return the function of a network: ``torchreid.models.osnet_x1_0(num_classes, loss, pretrained)``."""
    if name in list_models():
        return partial(build_model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
