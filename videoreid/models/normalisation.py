"""Means and standard deviations of pixels, by the name that tables of weights use."""

from typing import NamedTuple

from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["NORMALISATIONS", "Normalisation", "find_normalisation"]

Channels = tuple[float, float, float]


class Normalisation(NamedTuple):
    """What is subtracted from pixels in 0..1 and what they are divided by then, per channel."""

    mean: Channels
    std: Channels


NORMALISATIONS: dict[str, Normalisation] = {
    "imagenet": Normalisation(IMAGENET_MEAN, IMAGENET_STD),
    "half": Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "clip": Normalisation((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}


def find_normalisation(name: str) -> Normalisation:
    """Return a normalisation by name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in NORMALISATIONS:
        raise ConfigError(f"unknown normalisation {name!r}; choose one of {', '.join(NORMALISATIONS)}")
    return NORMALISATIONS[name]
