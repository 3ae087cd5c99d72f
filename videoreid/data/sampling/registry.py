"""The registry of sampling rules, and the function that applies one."""

from typing import Protocol

import numpy as np

from videoreid.errors import ConfigError
from videoreid.registry import Registry

__all__ = ["SAMPLING", "SamplingRule", "list_sampling_rules", "sample_indices"]


class SamplingRule(Protocol):
    """A pure function from a tracklet's length to the frames of its clips."""

    def __call__(self, length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
        """Return ``(num_clips, num_frames)`` int64 indices into ``0 .. length - 1``."""


SAMPLING: Registry[SamplingRule] = Registry("sampling rule")


def sample_indices(
    rule: str | SamplingRule, length: int, num_frames: int, generator: np.random.Generator
) -> np.ndarray:
    """Choose the frames of one or more clips from a tracklet.

    Args:
        rule: a name from `list_sampling_rules`, or a function of the same form.
        length: number of frames of the tracklet, 1 or more.
        num_frames: frames per clip T, 1 or more; the rule "all" takes every frame instead.
        generator: source of random numbers; deterministic rules do not use it.

    Returns:
        ``(num_clips, T)`` int64, each in ``0 .. length - 1``.

    Raises:
        ConfigError: a length or a number of frames below one.
        UnknownNameError: no such rule.
    """
    if length < 1 or num_frames < 1:
        raise ConfigError(
            f"cannot take {num_frames} frames from a tracklet of {length}: both must be 1 or more"
        )
    function = SAMPLING[rule] if isinstance(rule, str) else rule
    indices = np.asarray(function(length, num_frames, generator), dtype=np.int64)
    return indices[None] if indices.ndim == 1 else indices


def list_sampling_rules() -> list[str]:
    """Return the names of the rules, aliases included, sorted."""
    return SAMPLING.names()
