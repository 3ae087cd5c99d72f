"""Settings of the joint score of appearance and time."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from videoreid.errors import ConfigError

__all__ = ["JointRules"]


@dataclass(frozen=True)
class JointRules:
    """How appearance and time are combined; the defaults are the published ones.

    ``score = 1 / (1 + visual_lambda * exp(-visual_gamma * s)) * 1 / (1 + time_lambda * exp(-time_gamma * p))``

    Args:
        visual_gamma: steepness of the appearance factor.
        time_gamma: steepness of the time factor. ``p`` is the probability of one bin, so it depends on the
            width of bins and on sigma: tune this value again if you change one of them.
        visual_lambda: offset of the appearance factor, above 0.
        time_lambda: offset of the time factor, above 0.
        same_camera: same-camera pairs have probability 0 ("zero", published: it moves impostors of the query's
            own camera down) or the same as pairs of unknown time ("neutral").
        neutral: probability of pairs of unknown place or time; None takes the mean over all bins that are possible.
        between: the time between two tracklets is that of their middles ("midpoint"), or from the end of one to
            the start of the other, 0 if they overlap ("gap"). For rows without a duration both are the same.
        visit_gap: absence that ends a visit, for visits="clustered"; None takes sigma bins.
        clock_offsets: added to the times of cameras 0, 1, ...; empty where all clocks agree.

    Raises:
        ConfigError: a value out of its range.
    """

    visual_gamma: float = 5.0
    time_gamma: float = 5.0
    visual_lambda: float = 1.0
    time_lambda: float = 2.0
    same_camera: Literal["zero", "neutral"] = "zero"
    neutral: float | None = None
    between: Literal["midpoint", "gap"] = "midpoint"
    visit_gap: float | None = None
    clock_offsets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("visual_gamma", "time_gamma", "visual_lambda", "time_lambda"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)!r}")
        for name, choices in (("same_camera", ("zero", "neutral")), ("between", ("midpoint", "gap"))):
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name} must be {' or '.join(choices)}, got {getattr(self, name)!r}")
        if self.neutral is not None and not 0 <= self.neutral <= 1:
            raise ConfigError(f"neutral must be a probability, got {self.neutral!r}")
        if self.visit_gap is not None and not 0 <= self.visit_gap < math.inf:
            raise ConfigError(f"visit_gap must be at least 0, got {self.visit_gap!r}")
        object.__setattr__(self, "clock_offsets", tuple(float(value) for value in self.clock_offsets))
        if not all(map(math.isfinite, self.clock_offsets)):
            raise ConfigError(f"clock_offsets must be finite, got {self.clock_offsets}")

    def offsets(self, num_cameras: int) -> np.ndarray:
        """Return ``(C,)`` what is added to each camera's clock.

        Raises:
            ConfigError: there are offsets, but not one for each camera.
        """
        if len(self.clock_offsets) not in (0, num_cameras):
            raise ConfigError(
                f"{len(self.clock_offsets)} clock offsets for {num_cameras} cameras: pass one for each, or none"
            )
        return np.asarray(self.clock_offsets or [0.0] * num_cameras)
