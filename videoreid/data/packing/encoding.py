"""Re-encoding of packed frames."""

from dataclasses import asdict, dataclass

import numpy as np
import torch

from videoreid.data.transforms import resize_frames
from videoreid.errors import ConfigError

__all__ = ["Encoding", "encode_frame"]


@dataclass(frozen=True)
class Encoding:
    """Size and quality of re-encoded frames.

    Args:
        size: (H, W); None keeps the size of each frame.
        quality: JPEG quality, 1 to 100; None writes PNG, which is lossless.

    Raises:
        ConfigError: a value is out of range.
    """

    size: tuple[int, int] | None = None
    quality: int | None = 95

    def __post_init__(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ConfigError(f"JPEG quality is 1 to 100, got {self.quality}")
        if self.size is not None and min(self.size) < 1:
            raise ConfigError(f"size must be (height, width) of 1 or more, got {self.size}")

    def describe(self) -> dict[str, object]:
        """Return the settings, for the fingerprint of a half-written store."""
        return asdict(self)


def encode_frame(image: np.ndarray, encoding: Encoding) -> bytes:
    """Encode a frame ``(H, W, 3)`` uint8 RGB as JPEG or PNG bytes."""
    import cv2

    if encoding.size is not None:
        tensor = torch.from_numpy(image).permute(2, 0, 1)
        image = resize_frames([tensor], encoding.size)[0].permute(1, 2, 0).numpy()
    bgr = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2BGR)
    if encoding.quality is None:
        return cv2.imencode(".png", bgr)[1].tobytes()
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, encoding.quality])[1].tobytes()
