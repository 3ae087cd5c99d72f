"""The input settings of a network (normalisation, size, cameras) and its options, stored with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from videoreid.errors import WeightsError

__all__ = ["METADATA_KEY", "SIZE_OPTIONS", "InputSettings", "stored_settings"]

METADATA_KEY = "videoreid"
"""Key of the settings in the metadata of a state dict, where torch stores "version"."""

SIZE_OPTIONS = frozenset({"height", "width", "timm_options"})
"""Build arguments that fix the size of the input."""


@dataclass(frozen=True)
class InputSettings:
    """Normalisation, size and use of cameras, and the arguments that built the network.

    Args:
        pixel_mean: per channel, on the 0..1 scale.
        pixel_std: per channel, on the 0..1 scale, greater than 0.
        input_size: (height, width) in pixels.
        uses_cameras: the network takes camera numbers.
        build: arguments of `build_model` that are plain values; empty if unknown. It is not compared.

    Raises:
        WeightsError: a value is invalid.
    """

    pixel_mean: tuple[float, ...]
    pixel_std: tuple[float, ...]
    input_size: tuple[int, int]
    uses_cameras: bool
    build: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

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
        given = getattr(model, "build_arguments", {})
        build = {name: value for name, value in given.items() if _is_plain(value)}
        return cls(mean, std, (int(height), int(width)), bool(model.uses_cameras), build)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> InputSettings:
        """Return the record for a dictionary of `to_dict`, also after a round trip through JSON.

        Raises:
            WeightsError: a field is absent or invalid.
        """
        try:
            height, width = values["input_size"]
            return cls(
                tuple(float(value) for value in values["pixel_mean"]),
                tuple(float(value) for value in values["pixel_std"]),
                (int(height), int(width)),
                bool(values["uses_cameras"]),
                dict(values.get("build", {})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"the input settings beside the weights cannot be read: {error!r}") from error

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary of plain values, for a state dict or JSON."""
        return asdict(self)

    def apply(self, model: Any, *, size: bool) -> None:
        """Write these settings to a network; cameras can only be switched off, because they need weights.

        Args:
            model: a `ReIDModel`.
            size: also set the input size.
        """
        model.pixel_mean, model.pixel_std = self.pixel_mean, self.pixel_std
        model.uses_cameras = model.uses_cameras and self.uses_cameras
        if size:
            model.input_size = self.input_size


def stored_settings(state: Mapping[str, Any]) -> InputSettings | None:
    """Return the settings in the metadata of a state dict, or None."""
    metadata = getattr(state, "_metadata", None) or {}
    values = metadata.get("", {}).get(METADATA_KEY)
    return None if values is None else InputSettings.from_dict(values)


def _is_plain(value: Any) -> bool:
    """Return whether ``torch.load(weights_only=True)`` and JSON read the value back."""
    if isinstance(value, Mapping):
        return type(value) is dict and all(
            isinstance(key, str) and _is_plain(item) for key, item in value.items()
        )
    if isinstance(value, list | tuple):
        return type(value) in (list, tuple) and all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)
