"""What a network asks of its input, as a record that travels with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from videoreid.errors import WeightsError

__all__ = ["METADATA_KEY", "SIZE_OPTIONS", "InputSettings", "stored_settings"]

METADATA_KEY = "videoreid"
"""Under this name the settings stand in the metadata of a state dict, beside torch's own "version"."""

SIZE_OPTIONS = frozenset({"height", "width", "timm_options"})
"""Build arguments that fix the size of the input."""


@dataclass(frozen=True)
class InputSettings:
    """Normalisation, size and use of cameras.

    Args:
        pixel_mean: per channel, on the 0..1 scale.
        pixel_std: per channel, on the 0..1 scale, greater than 0.
        input_size: (height, width) in pixels.
        uses_cameras: the network is given camera numbers.

    Raises:
        WeightsError: a value that no network can have.
    """

    pixel_mean: tuple[float, ...]
    pixel_std: tuple[float, ...]
    input_size: tuple[int, int]
    uses_cameras: bool

    def __post_init__(self) -> None:
        if len(self.pixel_mean) != 3 or len(self.pixel_std) != 3 or not min(self.pixel_std) > 0:
            raise WeightsError(
                "expected three means and three standard deviations greater than 0 on the 0..1 scale, got "
                f"{self.pixel_mean} and {self.pixel_std}"
            )

    @classmethod
    def of(cls, model: Any) -> InputSettings:
        """Read the settings of a network."""
        mean, std = (
            tuple(float(value) for value in values) for values in (model.pixel_mean, model.pixel_std)
        )
        height, width = model.input_size
        return cls(mean, std, (int(height), int(width)), bool(model.uses_cameras))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> InputSettings:
        """Read what `to_dict` returned, also after JSON.

        Raises:
            WeightsError: a field is absent or has no such value.
        """
        try:
            height, width = values["input_size"]
            return cls(
                tuple(float(value) for value in values["pixel_mean"]),
                tuple(float(value) for value in values["pixel_std"]),
                (int(height), int(width)),
                bool(values["uses_cameras"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"the input settings beside the weights cannot be read: {error!r}") from error

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for a state dict or JSON."""
        return asdict(self)

    def apply(self, model: Any, *, size: bool) -> None:
        """Give a network these settings; cameras are only ever switched off, because using them needs weights.

        Args:
            model: a `ReIDModel`.
            size: also take over the input size.
        """
        model.pixel_mean, model.pixel_std = self.pixel_mean, self.pixel_std
        model.uses_cameras = model.uses_cameras and self.uses_cameras
        if size:
            model.input_size = self.input_size


def stored_settings(state: Mapping[str, Any]) -> InputSettings | None:
    """Return the settings that a network wrote into the metadata of its state dict, if any."""
    metadata = getattr(state, "_metadata", None) or {}
    values = metadata.get("", {}).get(METADATA_KEY)
    return None if values is None else InputSettings.from_dict(values)
