"""torchreid's `build_model`: its keywords, our networks."""

from pathlib import Path
from typing import Any

from videoreid.models import build_model as build
from videoreid.models.base import ReIDModel
from videoreid.torchreid.keywords import torchreid_keywords

__all__ = ["build_model"]


@torchreid_keywords(loss=None, use_gpu=None)
def build_model(
    name: str,
    num_classes: int,
    pretrained: bool | str | Path = False,  # noqa: FBT001, FBT002 - torchreid's signature
    **kwargs: Any,
) -> ReIDModel:
    """Build a network by name; see `videoreid.models.build_model`.

    ``loss`` and ``use_gpu`` are accepted and ignored: a network returns all its heads, and the engine moves it.

    Args:
        name: see `videoreid.models.list_models`.
        num_classes: number of training identities K.
        pretrained: False, where torchreid's default is True: nothing is downloaded unasked.
        **kwargs: options of that network.
    """
    return build(name, num_classes, pretrained, **kwargs)
