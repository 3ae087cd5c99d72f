"""Joint transforms of a picture and its label map."""

from dataclasses import dataclass

import numpy as np

from videoreid.errors import ConfigError
from videoreid.parsing.geometry import Fit, fit_matrix, warp_image, warp_labels
from videoreid.parsing.tables import LabelTable

__all__ = ["ParsingTransform"]


@dataclass(frozen=True, kw_only=True)
class ParsingTransform:
    """Scale, rotate, crop and mirror a picture and its labels together; the defaults are the published augmentation.

    The whole picture is fitted into the middle of the result. Labels are not interpolated, pixels outside the picture
    are ignored (255), and left and right classes swap in a mirror image.

    Args:
        size: (height, width) of the result.
        fit: "pad" keeps the aspect ratio; "stretch" fills the result.
        scale: standard deviation of the factor on the visible area, whose mean is 1.
        scale_range: the factor is clipped to this range.
        rotation: standard deviation of the rotation in degrees.
        rotation_limit: the rotation is clipped to this number of degrees in both directions.
        rotation_probability: probability of a rotation.
        mirror_probability: probability of mirroring.
        brightness: largest relative change of the brightness, one factor per picture. The published augmentation has
            none.

    Raises:
        ConfigError: a number is out of range.
    """

    size: tuple[int, int]
    fit: Fit = "pad"
    scale: float = 0.25
    scale_range: tuple[float, float] = (0.75, 1.25)
    rotation: float = 30.0
    rotation_limit: float = 60.0
    rotation_probability: float = 0.6
    mirror_probability: float = 0.5
    brightness: float = 0.0

    def __post_init__(self) -> None:
        if min(self.size) < 1 or self.scale < 0 or not 0 < self.scale_range[0] <= self.scale_range[1]:
            raise ConfigError(
                f"expected a positive size, scale and scale_range, got {self.size}, {self.scale}, {self.scale_range}"
            )
        for name in ("rotation_probability", "mirror_probability", "brightness"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be 0 to 1, got {getattr(self, name)}")
        if self.rotation < 0 or self.rotation_limit < 0:
            raise ConfigError(f"rotations must be 0 or more, got {self.rotation} and {self.rotation_limit}")

    def __call__(
        self, image: np.ndarray, labels: np.ndarray, *, table: LabelTable, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Transform one picture.

        Args:
            image: ``(h, w, 3)`` uint8.
            labels: ``(h, w)`` uint8 of ``table``.
            table: the label table, for the classes that swap.
            generator: source of the random draws, the same number of draws for every picture.

        Returns:
            Image ``(H, W, 3)`` uint8 and labels ``(H, W)`` uint8, contiguous.

        Raises:
            ConfigError: image and labels differ in size.
        """
        if image.shape[:2] != labels.shape:
            raise ConfigError(f"the image is {image.shape[:2]}, its labels {labels.shape}; expected one size")
        bells, chances = generator.standard_normal(2), generator.random(3)
        scale = float(np.clip(1 + self.scale * bells[0], *self.scale_range))
        rotation = 0.0
        if chances[0] < self.rotation_probability:
            rotation = float(np.clip(self.rotation * bells[1], -self.rotation_limit, self.rotation_limit))
        if chances[1] < self.mirror_probability:
            image, labels = image[:, ::-1], table.mirror(labels[:, ::-1])
        matrix = fit_matrix(image.shape[:2], self.size, fit=self.fit, scale=scale, rotation=rotation)
        warped = warp_image(np.ascontiguousarray(image), matrix, self.size)
        if self.brightness:
            factor = 1 + self.brightness * (2 * chances[2] - 1)
            warped = np.clip(warped * factor + 0.5, 0, 255).astype(np.uint8)
        return warped, warp_labels(np.ascontiguousarray(labels), matrix, self.size)
