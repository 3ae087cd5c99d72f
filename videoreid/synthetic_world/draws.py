"""Random draws made of uniform doubles only, so that a seed gives the same world on every platform."""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from videoreid.utils import generator_from

__all__ = ["Draws"]

T = TypeVar("T")


class Draws:
    """A stream of random choices named by ``(seed, *stream)``.

    NumPy guarantees the bits of a uniform double but not the algorithms of `choice` or `normal`, so all draws here use
    uniform doubles only, in the order of the calls.

    Args:
        seed: the world's seed.
        stream: name of the stream (person 17, sighting 203, ...).
    """

    def __init__(self, seed: int, *stream: int) -> None:
        self._generator = generator_from(seed, *stream)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a double in ``[low, high)``."""
        return low + (high - low) * float(self._generator.random())

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return float(self._generator.random()) < probability

    def integer(self, low: int, high: int) -> int:
        """Return an integer in ``low .. high - 1``."""
        return low + int(float(self._generator.random()) * (high - low))

    def bell(self, mean: float = 0.0, spread: float = 1.0) -> float:
        """Return a bell-shaped number of the given mean and standard deviation, never beyond 3.5 deviations."""
        total = 0.0
        for value in self._generator.random(4):
            total += float(value)
        return mean + spread * (total - 2.0) * math.sqrt(3.0)

    def pick(self, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """Return one option, drawn uniformly or by weight."""
        if weights is None:
            return options[self.integer(0, len(options))]
        level = self.uniform(0.0, sum(weights))
        for option, weight in zip(options, weights, strict=True):
            level -= weight
            if level < 0.0:
                return option
        return options[-1]

    def order(self, count: int) -> list[int]:
        """Return ``0 .. count - 1`` in random order."""
        keys = self._generator.random(count)
        return sorted(range(count), key=lambda index: (float(keys[index]), index))

    def block(self, *shape: int) -> np.ndarray:
        """Return independent bell-shaped numbers ``(*shape,)`` of mean 0 and standard deviation 1."""
        total = np.zeros(shape)
        for _ in range(4):
            total += self._generator.random(shape)
        return (total - 2.0) * math.sqrt(3.0)
