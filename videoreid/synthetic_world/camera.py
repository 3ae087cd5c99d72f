"""Cameras, each with its colours, exposure, blur, noise and JPEG quality."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from videoreid.synthetic_world.draws import Draws

__all__ = ["Camera", "sample_camera", "shrink_labels"]

_NOISE_SIZE = (320, 192)


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera and its image faults.

    Args:
        height: height of a typical person box in pixels; crops of a near camera are larger.
        pitch: angle by which the camera looks down, radians.
        facing: viewing direction on the map, radians.
        light: side the light comes from, see `Drawing`.
        mixing: ``(3, 3)`` colour matrix: white balance and saturation.
        gamma: exponent of the response curve.
        exposure: factor on the light.
        fog: 0..1, loss of contrast.
        blur: standard deviation in pixels of the crop; 0 is sharp.
        noise: standard deviation, in grey levels.
        quality: JPEG quality.
        grain: ``(H, W, 3)`` int16 noise, from which every frame takes a piece.
    """

    height: int
    pitch: float
    facing: float
    light: float
    mixing: np.ndarray
    gamma: float
    exposure: float
    fog: float
    blur: float
    noise: float
    quality: int
    grain: np.ndarray = field(repr=False)

    def expose(
        self, rgb: np.ndarray, size: tuple[int, int], light: np.ndarray, corner: tuple[int, int]
    ) -> np.ndarray:
        """Return the crop as this camera records it, before JPEG.

        Args:
            rgb: the scene, ``CANVAS + (3,)`` uint8.
            size: height and width of the crop.
            light: ``(3,)`` factor of the current light on red, green and blue.
            corner: position of the piece of noise, modulo the size of ``grain``.
        """
        crop = cv2.resize(rgb, (size[1], size[0]), interpolation=cv2.INTER_AREA)
        if self.blur > 0.0:
            crop = cv2.GaussianBlur(crop, (0, 0), self.blur)
        crop = cv2.LUT(cv2.transform(crop, self.mixing), self._curve(light))
        top = corner[0] % (self.grain.shape[0] - size[0])
        left = corner[1] % (self.grain.shape[1] - size[1])
        grain = self.grain[top : top + size[0], left : left + size[1]]
        return cv2.add(crop, grain, dtype=cv2.CV_8U)

    def _curve(self, light: np.ndarray) -> np.ndarray:
        levels = np.minimum(1.0, np.arange(256)[:, None, None] / 255.0 * self.exposure * light)
        curve = levels**self.gamma * (1.0 - self.fog) + 0.45 * self.fog
        return np.clip(np.floor(255.0 * curve + 0.5), 0, 255).astype(np.uint8)


def sample_camera(draws: Draws, rank: int, count: int, difficulty: float = 1.0) -> Camera:
    """Draw a camera.

    Args:
        draws: the random stream of this camera.
        rank: position among the cameras; resolution depends on it, so that every world has near and far cameras.
        count: number of cameras.
        difficulty: factor on all differences between cameras.
    """
    share = rank / max(1, count - 1)
    warmth = difficulty * draws.uniform(-0.05, 0.05)
    tint = difficulty * draws.uniform(-0.02, 0.02)
    gains = np.array([1.0 + warmth, 1.0 + tint, 1.0 - warmth])
    saturation = 1.0 + difficulty * draws.uniform(-0.24, 0.12)
    grey = np.array([0.30, 0.59, 0.11])
    mixing = np.zeros((3, 3), dtype=np.float32)
    for row in range(3):
        for column in range(3):
            own = saturation if row == column else 0.0
            mixing[row, column] = gains[row] * (own + (1.0 - saturation) * grey[column])
    noise = difficulty * draws.uniform(1.5, 4.5)
    return Camera(
        height=round(96 + 112 * share + draws.uniform(-8, 8)),
        pitch=draws.uniform(0.05, 0.38),
        facing=draws.uniform(0.0, 2.0 * np.pi),
        light=draws.uniform(-1.0, 1.0),
        mixing=mixing,
        gamma=1.0 + difficulty * draws.uniform(-0.12, 0.13),
        exposure=1.0 + difficulty * draws.uniform(-0.10, 0.09),
        fog=difficulty * draws.uniform(0.0, 0.09),
        blur=difficulty * draws.pick((0.0, 0.0, 0.5, 0.8)),
        noise=noise,
        quality=max(30, min(95, round(90 - difficulty * draws.uniform(5, 40)))),
        grain=_grain(draws, noise),
    )


def shrink_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize labels ``(h, w)``: each pixel gets the label at its centre, found in integer arithmetic."""
    rows = (2 * np.arange(size[0]) + 1) * labels.shape[0] // (2 * size[0])
    columns = (2 * np.arange(size[1]) + 1) * labels.shape[1] // (2 * size[1])
    return np.ascontiguousarray(labels[rows[:, None], columns[None, :]])


def _grain(draws: Draws, noise: float) -> np.ndarray:
    """Return bell-shaped noise: a part common to all channels, and a part a third as strong for each channel."""
    rows, columns = _NOISE_SIZE
    grey = draws.block(rows, columns, 1)
    colour = draws.block(rows, columns, 3)
    return np.floor(noise * (grey + 0.33 * colour) + 0.5).astype(np.int16)
