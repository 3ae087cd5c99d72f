"""torchreid's `FeatureExtractor`: a name, weights and images in, embeddings out."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from videoreid.engine.inference import embed_frames
from videoreid.errors import ConfigError, FrameError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD, normalise_frames

__all__ = ["FeatureExtractor"]


class FeatureExtractor:
    """Embed images the way trackers want it; for tracklets use `videoreid.engine.extract_features`.

    Args:
        model_name: see `videoreid.models.list_models`.
        model_path: a checkpoint; without one the network gets ImageNet weights.
        image_size: (height, width) that images are resized to.
        pixel_mean: per channel, on the 0..1 scale.
        pixel_std: likewise.
        device: None takes CUDA if it is there; torchreid's own default "cuda" fails without it.
        verbose: accepted for torchreid's sake; the loading report goes to the logger.

    Example:
        >>> extractor = FeatureExtractor("osnet_x0_25", "weights.pth", device="cpu")  # doctest: +SKIP
        >>> extractor(["a.jpg", "b.jpg"]).shape  # doctest: +SKIP
        torch.Size([2, 512])
    """

    def __init__(
        self,
        model_name: str = "",
        model_path: str = "",
        image_size: tuple[int, int] = (256, 128),
        pixel_mean: Sequence[float] = IMAGENET_MEAN,
        pixel_std: Sequence[float] = IMAGENET_STD,
        *,
        device: str | torch.device | None = None,
        verbose: bool = True,
    ) -> None:
        models = import_module(
            "videoreid.models"
        )  # the one place where the engine reaches for the zoo, by name
        weights = Path(model_path) if model_path else True
        self.model = models.build_model(model_name, pretrained=weights)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model.to(self.device).eval()
        self.image_size = tuple(image_size)
        self.pixel_mean, self.pixel_std = tuple(pixel_mean), tuple(pixel_std)

    def __call__(
        self, images: str | Path | np.ndarray | Tensor | Sequence[str | Path | np.ndarray]
    ) -> Tensor:
        """Return the embeddings of one or several images.

        Args:
            images: a path, an RGB array ``(H, W, 3)`` uint8, a list of either, or a float tensor ``(3, H, W)`` or
                ``(B, 3, H, W)`` that is resized and normalised already.

        Returns:
            ``(B, D)`` on the extractor's device.

        Raises:
            FrameError: an image that cannot be read.
            ConfigError: anything else that is no image.
        """
        if isinstance(images, Tensor):
            if images.ndim not in (3, 4) or not images.is_floating_point():
                raise ConfigError(
                    f"a tensor must be float (3, H, W) or (B, 3, H, W), normalised; got {images.dtype} of shape "
                    f"{tuple(images.shape)}"
                )
            frames = images if images.ndim == 4 else images.unsqueeze(0)
        else:
            several = [images] if isinstance(images, str | Path | np.ndarray) else list(images)
            frames = torch.stack([self._prepare(image) for image in several])
        with torch.inference_mode():
            return embed_frames(self.model, frames.unsqueeze(1))  # (B, 3, H, W) -> clips of one frame

    def _prepare(self, image: str | Path | np.ndarray) -> Tensor:
        import cv2
        from torchvision.transforms.v2.functional import resize

        if isinstance(image, str | Path):
            decoded = cv2.imread(str(image), cv2.IMREAD_COLOR)
            if decoded is None:
                raise FrameError(f"{image} is missing or cannot be decoded as an image")
            image = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
        if not isinstance(image, np.ndarray):
            raise ConfigError(f"expected paths, RGB arrays or a tensor, got {type(image).__name__}")
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ConfigError(f"an array must be RGB uint8 (H, W, 3), got {image.dtype} {image.shape}")
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        return normalise_frames(resize(pixels, list(self.image_size)), self.pixel_mean, self.pixel_std)
