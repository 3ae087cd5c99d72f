"""Degradations of tracklets with a known strength, to validate their measures and to find their effect on scores."""

from dataclasses import dataclass

import cv2
import numpy as np

from videoreid.errors import ConfigError
from videoreid.synthetic_world.drawing import CANVAS, Canvas
from videoreid.synthetic_world.draws import Draws
from videoreid.synthetic_world.labels import Part

__all__ = [
    "CLOTHES",
    "DEGRADATIONS",
    "Degradation",
    "FrameTruth",
    "hide_part",
    "rescale",
    "sample_degradation",
]

DEGRADATIONS = ("occluders", "second_walkers", "low_resolution", "low_light")
"""Options of a world: the share of its tracklets with each degradation."""
CLOTHES = (*(Part.UPPER_CLOTHES, Part.DRESS, Part.COAT, Part.PANTS, Part.JUMPSUITS, Part.SCARF, Part.SKIRT),)
_STREAM = 22
_COLOURS = ((88, 90, 94), (84, 102, 92), (84, 108, 78), (150, 144, 132))  # of posts, bins, hedges, boards


@dataclass(frozen=True)
class Degradation:
    """The degradation of every frame of a tracklet.

    Args:
        occluder: share of the walker's height or width behind an obstacle, 0 (none) to 0.9.
        side: side that the obstacle covers: "below", "left" or "right".
        second_walker: nearness of a second walker, 0 (nobody) to 1 (a step aside).
        shrink: factor by which the native size is smaller than the stored size, 1 or more.
        exposure: factor on the light, above 0; the noise of the camera stays the same.

    Raises:
        ConfigError: a value out of range.
    """

    occluder: float = 0.0
    side: str = "below"
    second_walker: float = 0.0
    shrink: float = 1.0
    exposure: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.occluder <= 0.9 or not 0.0 <= self.second_walker <= 1.0:
            raise ConfigError(
                f"occluder must be 0 to 0.9 and second_walker 0 to 1, got {self.occluder} and {self.second_walker}"
            )
        if self.side not in ("below", "left", "right"):
            raise ConfigError(f"side must be 'below', 'left' or 'right', got {self.side!r}")
        if not 1.0 <= self.shrink <= 8.0 or not 0.0 < self.exposure <= 2.0:
            raise ConfigError(
                f"shrink must be 1 to 8 and exposure above 0, at most 2, got {self.shrink} and {self.exposure}"
            )


@dataclass(frozen=True)
class FrameTruth:
    """Ground truth of a drawn frame.

    Args:
        occluded: share of the walker's pixels that are hidden, 0..1.
        second_person: visible pixels of other walkers divided by all pixels of the walker, hidden ones included; 0
            means alone.
        native_height: height of the box in pixels of the camera, before it was stored.
        exposure: factor on the light of the scene: product of camera, current light and degradation.
        clothing_darkness: 1 - mean luminance of the clothes in full light, 0..1.
    """

    occluded: float
    second_person: float
    native_height: int
    exposure: float
    clothing_darkness: float


def sample_degradation(seed: int, number: int, shares: dict[str, float]) -> Degradation:
    """Draw the degradation of a tracklet; each kind occurs independently of the others.

    Args:
        seed: seed of the world.
        number: number of the sighting, which names the random stream.
        shares: probability of each of `DEGRADATIONS`, 0..1.
    """
    draws = Draws(seed, _STREAM, number)
    touched = {name: draws.chance(shares[name]) for name in DEGRADATIONS}
    strength = {
        "occluders": draws.uniform(0.25, 0.70),
        "second_walkers": draws.uniform(0.2, 1.0),
        "low_resolution": draws.uniform(2.0, 4.5),
        "low_light": draws.uniform(0.05, 0.35),
    }
    side = draws.pick(("below", "left", "right"))
    return Degradation(
        occluder=strength["occluders"] if touched["occluders"] else 0.0,
        side=side,
        second_walker=strength["second_walkers"] if touched["second_walkers"] else 0.0,
        shrink=strength["low_resolution"] if touched["low_resolution"] else 1.0,
        exposure=strength["low_light"] if touched["low_light"] else 1.0,
    )


def hide_part(canvas: Canvas, degradation: Degradation, number: int) -> None:
    """Draw the obstacle over a share of the walker's box, out to the border of the canvas.

    Args:
        canvas: the drawn canvas, changed in place.
        degradation: size and side of the obstacle.
        number: number of the sighting, which chooses the colour.
    """
    rows, columns = np.flatnonzero(canvas.figure.any(1)), np.flatnonzero(canvas.figure.any(0))
    if degradation.occluder <= 0.0 or not len(rows):
        return
    height, width = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    if degradation.side == "below":
        box = (slice(rows[-1] + 1 - round(degradation.occluder * height), CANVAS[0]), slice(0, CANVAS[1]))
    elif degradation.side == "left":
        box = (slice(0, CANVAS[0]), slice(0, columns[0] + round(degradation.occluder * width)))
    else:
        box = (slice(0, CANVAS[0]), slice(columns[-1] + 1 - round(degradation.occluder * width), CANVAS[1]))
    canvas.rgb[box] = _COLOURS[number % len(_COLOURS)]
    canvas.labels[box] = 0
    canvas.figure[box] = 0
    canvas.strangers[box] = 0


def rescale(rgb: np.ndarray, size: tuple[int, int], number: int) -> np.ndarray:
    """Resize a picture ``(h, w, 3)`` to the stored size, bilinear for odd tracklet numbers, bicubic for even ones."""
    method = cv2.INTER_LINEAR if number % 2 else cv2.INTER_CUBIC
    return cv2.resize(rgb, (size[1], size[0]), interpolation=method)
