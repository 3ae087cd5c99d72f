"""Metadata of exported files: the network's name, input, normalisation and weights."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from videoreid.errors import WeightsError

__all__ = ["METADATA_KEY", "ExportMetadata"]

METADATA_KEY = "videoreid"
"""Name of the record in a file, where it is stored as JSON."""

_FORMAT = 1


@dataclass(frozen=True)
class ExportMetadata:
    """The record that is stored in an exported file.

    Args:
        model: name of the network, as `build_model` takes it, or its class.
        input_size: (height, width) in pixels.
        input_type: "uint8" or "float32"; pixels are 0..255 in both, and are normalised inside the file.
        pixel_mean: per channel, on the 0..1 scale.
        pixel_std: per channel, on the 0..1 scale.
        frames: clip length T the file is fixed to; None for any.
        embedding_dim: width D of the embedding.
        clip_rule: how the authors of the weights cut clips ("frames", "sampling", "test_sampling"); empty if unknown.
        weights_sha256: see `videoreid.models.digest.weights_digest`.
        library: version of this library that wrote the file.
        batch: number of clips B the file is fixed to; None for any. A session splits larger batches.
        precision: "float32", "float16" or "int8", of the weights.
    """

    model: str
    input_size: tuple[int, int]
    input_type: str
    pixel_mean: tuple[float, ...]
    pixel_std: tuple[float, ...]
    frames: int | None
    embedding_dim: int
    clip_rule: dict[str, Any]
    weights_sha256: str
    library: str
    batch: int | None = None
    precision: str = "float32"

    def to_json(self) -> str:
        """Return the record as text."""
        return json.dumps({"format": _FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: str, origin: str) -> "ExportMetadata":
        """Read what `to_json` wrote.

        Args:
            text: JSON.
            origin: the file, for messages.

        Raises:
            WeightsError: the record is damaged, or of another version.
        """
        try:
            values = json.loads(text)
            if values.pop("format") != _FORMAT:
                raise ValueError("of another version of the format")
            for name in ("input_size", "pixel_mean", "pixel_std"):
                values[name] = tuple(float(value) for value in values[name])
            height, width = (int(side) for side in values.pop("input_size"))
            record = cls(input_size=(height, width), **values)
            record._check()
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise WeightsError(
                f"the metadata in {origin} cannot be read ({error}); export the network again"
            ) from error
        return record

    def _check(self) -> None:
        if self.input_type not in ("uint8", "float32"):
            raise ValueError(f"unknown type of input {self.input_type!r}")
        if len(self.pixel_mean) != 3 or len(self.pixel_std) != 3 or not min(self.pixel_std) > 0:
            raise ValueError("means and standard deviations are not three numbers each")
        if (
            min(self.input_size) < 1
            or self.embedding_dim < 1
            or (self.frames is not None and self.frames < 1)
        ):
            raise ValueError("a size below one")
