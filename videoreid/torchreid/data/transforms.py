"""torchreid's transforms of single images: PIL in, normalised tensor out, for use in `torchvision` transforms.

Data managers use `videoreid.data.transforms` instead, which draw once for all frames of a clip.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms as T

from videoreid.data.transforms import RandomErasing as ErasingStep
from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["ColorAugmentation", "Random2DTranslation", "RandomErasing", "RandomPatch", "build_transforms"]

_WORDS = ("random_flip", "random_crop", "random_patch", "color_jitter", "random_erase")
# principal components of the colours of ImageNet, a column each, and the deviations along them
_COMPONENTS = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
_DEVIATIONS = (0.2175, 0.0188, 0.0045)


class Random2DTranslation:
    """Enlarge an image to 9/8 of the size and crop it at a random place, with probability ``p``; else resize it.

    Args:
        height: of the result in pixels.
        width: of the result in pixels.
        p: probability of the crop.
        interpolation: a filter of Pillow.

    Reference: Zhou et al., Omni-Scale Feature Learning for Person Re-Identification, ICCV 2019 (as augmentation).
    """

    def __init__(
        self,
        height: int,
        width: int,
        p: float = 0.5,
        interpolation: Image.Resampling = Image.Resampling.BILINEAR,
    ) -> None:
        self.height, self.width, self.p, self.interpolation = height, width, p, interpolation

    def __call__(self, img: Image.Image) -> Image.Image:
        """Return an image of ``height`` x ``width``."""
        generator = _generator()
        if generator.random() >= self.p:
            return img.resize((self.width, self.height), self.interpolation)
        width, height = round(self.width * 1.125), round(self.height * 1.125)
        left = int(generator.integers(width - self.width + 1))
        top = int(generator.integers(height - self.height + 1))
        large = img.resize((width, height), self.interpolation)
        return large.crop((left, top, left + self.width, top + self.height))


class RandomErasing:
    """Overwrite a random rectangle of a tensor, with probability ``probability``.

    Args:
        probability: of erasing.
        sl: smallest share of the image.
        sh: largest share of the image.
        r1: smallest ratio of the sides; the largest is its inverse.
        mean: fill value per channel, on the scale of the tensor.

    Reference: Zhong et al., Random Erasing Data Augmentation, AAAI 2020.
    """

    def __init__(
        self,
        probability: float = 0.5,
        sl: float = 0.02,
        sh: float = 0.4,
        r1: float = 0.3,
        mean: Sequence[float] = (0.4914, 0.4822, 0.4465),
    ) -> None:
        self.step = ErasingStep(p=probability, area=(sl, sh), aspect=(r1, 1 / r1), fill=(1, 1, 1))
        self.mean = tuple(mean)

    def __call__(self, img: Tensor) -> Tensor:
        """Return ``(C, H, W)`` with a rectangle filled; the input stays as it is."""
        erased = self.step(torch.zeros(1, 3, *img.shape[1:], dtype=torch.uint8), _generator())[0, :1].bool()
        return torch.where(erased, img.new_tensor(self.mean[: len(img)]).view(-1, 1, 1), img)


class ColorAugmentation:
    """Shift the colours of a tensor along the principal components of ImageNet's, with probability ``p``.

    Args:
        p: probability.

    Reference: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NeurIPS 2012.
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = p
        self.components, self.deviations = torch.tensor(_COMPONENTS), torch.tensor(_DEVIATIONS)

    def __call__(self, tensor: Tensor) -> Tensor:
        """Return ``(3, H, W)``, on the 0..1 scale or normalised, with one shift for all pixels."""
        generator = _generator()
        if generator.random() >= self.p:
            return tensor
        strengths = torch.from_numpy(generator.normal(0.0, 0.1, 3)).to(self.deviations)
        shift = self.components @ (strengths * self.deviations)  # (3, 3) @ (3,) -> (3,)
        return tensor + shift.to(tensor).view(3, 1, 1)


class RandomPatch:
    """Paste a patch of an earlier image over a random place.

    A patch of every image goes into a pool; once the pool holds ``min_sample_size`` patches, one of them is pasted with
    probability ``prob_happen``. Each process has its own pool: results depend on the number of worker processes.

    Args:
        prob_happen: probability that a patch is pasted.
        pool_capacity: number of patches that are kept; the oldest are dropped.
        min_sample_size: size of the pool from which on patches are pasted.
        patch_min_area: smallest share of the image.
        patch_max_area: largest share of the image.
        patch_min_ratio: smallest ratio of the sides; the largest is its inverse.
        prob_rotate: probability that a patch is rotated by up to 10 degrees.
        prob_flip_leftright: probability that a patch is mirrored.

    Reference: Zhou et al., Learning Generalisable Omni-Scale Representations for Person Re-Identification, TPAMI 2021.
    """

    def __init__(
        self,
        prob_happen: float = 0.5,
        pool_capacity: int = 50000,
        min_sample_size: int = 100,
        patch_min_area: float = 0.01,
        patch_max_area: float = 0.5,
        patch_min_ratio: float = 0.1,
        prob_rotate: float = 0.5,
        prob_flip_leftright: float = 0.5,
    ) -> None:
        self.prob_happen = prob_happen
        self.min_sample_size = min_sample_size
        self.areas = (patch_min_area, patch_max_area)
        self.ratios = (patch_min_ratio, 1.0 / patch_min_ratio)
        self.prob_rotate, self.prob_flip_leftright = prob_rotate, prob_flip_leftright
        self.patchpool: deque[Image.Image] = deque(maxlen=pool_capacity)

    def __call__(self, img: Image.Image) -> Image.Image:
        """Return an image of the same size; the input stays as it is."""
        generator = _generator()
        size = self._patch_size(img.size, generator)
        if size is not None:
            self.patchpool.append(img.crop(_placed(size, img.size, generator)))
        if len(self.patchpool) < self.min_sample_size or generator.random() >= self.prob_happen:
            return img
        patch = self.patchpool[int(generator.integers(len(self.patchpool)))]
        if generator.random() < self.prob_flip_leftright:
            patch = patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if generator.random() < self.prob_rotate:
            patch = patch.rotate(float(generator.uniform(-10, 10)))
        if patch.width > img.width or patch.height > img.height:
            return img
        pasted = img.copy()
        pasted.paste(patch, _placed(patch.size, img.size, generator)[:2])
        return pasted

    def _patch_size(self, size: tuple[int, int], generator: np.random.Generator) -> tuple[int, int] | None:
        width, height = size
        for _ in range(100):
            area = generator.uniform(*self.areas) * width * height
            ratio = generator.uniform(*self.ratios)
            wide, tall = round(float(np.sqrt(area / ratio))), round(float(np.sqrt(area * ratio)))
            if 0 < wide < width and 0 < tall < height:
                return wide, tall
        return None


def build_transforms(
    height: int,
    width: int,
    transforms: str | Sequence[str] | None = "random_flip",
    norm_mean: Sequence[float] | None = IMAGENET_MEAN,
    norm_std: Sequence[float] | None = IMAGENET_STD,
    **kwargs: object,
) -> tuple[T.Compose, T.Compose]:
    """Return the transforms of training and of test images, from PIL to a normalised tensor ``(3, H, W)``.

    The order is resize, flip, crop, patch, jitter, normalise, erase.

    Args:
        height: in pixels.
        width: in pixels.
        transforms: "random_flip", "random_crop", "random_patch", "color_jitter", "random_erase": one, several or None.
        norm_mean: per channel, on the 0..1 scale; None is ImageNet's.
        norm_std: per channel, on the 0..1 scale; None is ImageNet's.
        **kwargs: accepted and ignored.

    Raises:
        ConfigError: an unknown word.
    """
    del kwargs
    words = [transforms] if isinstance(transforms, str) else list(transforms or [])
    words = [word.lower() for word in words]
    unknown = [word for word in words if word not in _WORDS]
    if unknown:
        raise ConfigError(
            f"unknown transforms {', '.join(map(repr, unknown))}; choose from {', '.join(_WORDS)}"
        )
    mean, std = list(norm_mean or IMAGENET_MEAN), list(norm_std or IMAGENET_STD)
    before = {
        "random_flip": T.RandomHorizontalFlip(),
        "random_crop": Random2DTranslation(height, width),
        "random_patch": RandomPatch(),
        "color_jitter": T.ColorJitter(brightness=0.2, contrast=0.15),
    }
    resize, finish = T.Resize((height, width)), [T.ToTensor(), T.Normalize(mean, std)]
    chosen = [step for word, step in before.items() if word in words]
    after = [RandomErasing(mean=mean)] if "random_erase" in words else []
    return T.Compose([resize, *chosen, *finish, *after]), T.Compose([resize, *finish])


def _generator() -> np.random.Generator:
    """Return a generator that follows torch's global one, which loaders seed for every worker."""
    return np.random.default_rng(int(torch.randint(2**62, ()).item()))


def _placed(
    size: tuple[int, int], whole: tuple[int, int], generator: np.random.Generator
) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of a rectangle of a (width, height) at a random place."""
    left = int(generator.integers(whole[0] - size[0] + 1))
    top = int(generator.integers(whole[1] - size[1] + 1))
    return left, top, left + size[0], top + size[1]
