"""torchreid's `FeatureExtractor`: embeddings of images by a named network."""

from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.inference.eval_copy import eval_copy
from videoreid.inference.extraction import embed_frames
from videoreid.inference.images import crops_of_boxes, to_pixels
from videoreid.inference.kernel_check import runs_bfloat16, set_float32, wrong_convolutions
from videoreid.models.base import ReIDModel
from videoreid.models.factory import build_model
from videoreid.models.saving import from_pretrained

__all__ = ["FeatureExtractor"]


class FeatureExtractor:
    """Embed images for trackers; for tracklets use `videoreid.engine.extract_features`.

    The network stays in eval mode, so several threads may call one extractor.

    Args:
        model_name: see `videoreid.models.list_models`; may be left out for a file of `save_pretrained`, which names its
            network. Or a built network, such as one of `videoreid.export.load`.
        model_path: a checkpoint (``~`` is the home folder), an address or a tag, as `build_model` takes them; without
            one the network gets ImageNet weights.
        image_size: (height, width) that images are resized to; None takes the network's own.
        pixel_mean: per channel, on the 0..1 scale; None takes the network's own.
        pixel_std: likewise.
        pixel_norm: False only scales pixels to 0..1, without mean and standard deviation.
        device: None takes CUDA if available; torchreid's default is "cuda".
        verbose: accepted as in torchreid and ignored; the loading report goes to the logger.

    Raises:
        ConfigError: a size or normalisation out of range, or CUDA is not available.
        UnknownNameError: no network has this name.
        WeightsError: the weights cannot be read or are of another network.

    Example:
        >>> extractor = FeatureExtractor("osnet_x0_25", "weights.pth", device="cpu")  # doctest: +SKIP
        >>> extractor(["a.jpg", "b.jpg"]).shape  # doctest: +SKIP
        torch.Size([2, 512])
    """

    def __init__(
        self,
        model_name: str | ReIDModel = "",
        model_path: str | Path = "",
        image_size: Sequence[int] | None = None,
        pixel_mean: Sequence[float] | None = None,
        pixel_std: Sequence[float] | None = None,
        pixel_norm: bool = True,  # noqa: FBT001, FBT002
        device: str | torch.device | None = None,
        verbose: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self.device = _available(device)
        if isinstance(model_name, ReIDModel):
            if model_path:
                raise ConfigError("a built network has its weights already: leave model_path out")
            copied: Any = eval_copy(model_name, self.device)
            self.model: ReIDModel = copied
        elif not model_name and model_path:
            self.model = from_pretrained(model_path)
        else:
            self.model = build_model(model_name, pretrained=model_path or True)
        self.model.to(self.device).eval()
        size = self.model.input_size if image_size is None else tuple(image_size)
        if len(size) != 2 or not all(isinstance(side, Integral) and side > 0 for side in size):
            raise ConfigError(f"image_size is (height, width) in pixels, got {image_size}")
        self.image_size: tuple[int, int] = (int(size[0]), int(size[1]))
        if not pixel_norm:
            pixel_mean, pixel_std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        if pixel_mean is not None:
            self.model.pixel_mean = _per_channel("pixel_mean", pixel_mean)
        if pixel_std is not None:
            self.model.pixel_std = _per_channel("pixel_std", pixel_std)
        self._wrong: tuple[str, ...] | None = None  # convolutions that this processor gets wrong in bfloat16

    @property
    def pixel_mean(self) -> tuple[float, float, float]:
        """Mean per channel that images are normalised with, on the 0..1 scale."""
        return self.model.pixel_mean

    @property
    def pixel_std(self) -> tuple[float, float, float]:
        """Standard deviation per channel that images are normalised with, on the 0..1 scale."""
        return self.model.pixel_std

    def __call__(
        self,
        images: Any,
        boxes: Any = None,
        *,
        precision: Literal["float32", "bfloat16", "float16"] = "float32",
    ) -> Tensor:
        """Return the embeddings of one or several images, or of the boxes that a tracker found in a frame.

        Args:
            images: a path, a PIL image, an RGB array ``(H, W, 3)`` uint8, a list of any of them, or a uint8 batch
                ``(N, H, W, 3)`` as array or tensor (a tensor also ``(N, 3, H, W)``), all of which are resized; or a
                float tensor ``(3, H, W)`` or ``(N, 3, H, W)``, resized and normalised. An empty list or batch is
                allowed. With ``boxes``, one frame ``(H, W, 3)`` uint8 in **BGR**, as OpenCV reads it.
            boxes: ``(N, 4)`` or wider, left, top, right, bottom in pixels of that frame; further columns are ignored.
                They are rounded and clipped to the frame.
            precision: arithmetic of the forward pass.

        Returns:
            ``(N, D)`` float32 on the extractor's device: an ordinary tensor, which may be changed in place. With
            ``boxes``, rows have length 1; the row of a box without a pixel in the frame is 0.

        Raises:
            FrameError: an image cannot be read.
            ConfigError: a crop has no pixels (the message gives its place in the list), boxes are not finite, or an
                input is not an image.
        """
        if boxes is not None:
            crops, inside = crops_of_boxes(images, boxes)
            table = torch.zeros(len(inside), self.model.embedding_dim, device=self.device)
            if crops:
                rows = self(crops, precision=precision)
                table[torch.from_numpy(inside).to(self.device)] = torch.nn.functional.normalize(rows, dim=1)
            return table
        if isinstance(images, Tensor) and images.is_floating_point():
            if images.ndim not in (3, 4):
                raise ConfigError(
                    f"a float tensor must be (3, H, W) or (N, 3, H, W), normalised; got {tuple(images.shape)}"
                )
            frames = images if images.ndim == 4 else images.unsqueeze(0)
        else:
            prepared = list(to_pixels(images, self.image_size))
            frames = (
                torch.stack(prepared) if prepared else torch.empty(0, 3, *self.image_size, dtype=torch.uint8)
            )
        if len(frames) == 0:
            return torch.empty(0, self.model.embedding_dim, device=self.device)
        clips = frames.unsqueeze(1)  # of one frame
        with torch.no_grad():  # inference mode would give tensors that cannot be changed in place
            return embed_frames(self._runner(clips, precision), clips, precision=precision)

    def _runner(self, clips: Tensor, precision: str) -> nn.Module:
        """Return the model, or a copy whose wrong convolutions run in float32; the weights are the same."""
        if not runs_bfloat16(self.model, precision):
            return self.model
        if self._wrong is None:
            self._wrong = tuple(wrong_convolutions(self.model, clips, training=False))
        if not self._wrong:
            return self.model
        copied = eval_copy(self.model)
        set_float32(copied, self._wrong)
        return copied


def _available(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = torch.device(device)
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device={str(device)!r} is not available: there is no CUDA here; leave it out, or use 'cpu'"
        )
    return chosen


def _per_channel(name: str, values: Sequence[float]) -> tuple[float, float, float]:
    numbers = tuple(float(value) for value in values)
    lowest = 0.0 if name == "pixel_mean" else 1e-6
    if len(numbers) != 3 or not all(lowest <= number <= 1 for number in numbers):
        raise ConfigError(
            f"{name} needs three numbers on the 0..1 scale, got {values}; divide those of 0..255 by 255"
        )
    return numbers
