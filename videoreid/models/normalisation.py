"""Means and standard deviations of pixels by name."""

from typing import NamedTuple

from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["NORMALISATIONS", "Normalisation", "find_normalisation"]

Channels = tuple[float, float, float]


class Normalisation(NamedTuple):
    """Mean and standard deviation per channel (R, G, B), on the 0..1 scale."""

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
        ConfigError: unknown name.
    """
    if name not in NORMALISATIONS:
        raise ConfigError(f"unknown normalisation {name!r}; choose one of {', '.join(NORMALISATIONS)}")
    return NORMALISATIONS[name]
