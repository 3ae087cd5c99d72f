"""torchreid's words for transforms, samplers and options, in ours."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from torch.utils.data import Sampler

from videoreid.data.clips import ClipKey
from videoreid.data.combining import CombinedTrain
from videoreid.data.datasets import DATASETS
from videoreid.data.samplers import DomainSampler, PKSampler
from videoreid.data.transforms import (
    PRESETS,
    ClipStep,
    ClipTransform,
    ColorJitter,
    HorizontalFlip,
    RandomErasing,
    RandomTranslation2D,
    Resize,
    build_transform,
    fill_after_normalisation,
)
from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD

__all__ = ["check_normalisation", "dataset_options", "make_sampler", "make_transform"]

_STEPS = ("random_flip", "random_crop", "color_jitter", "random_erase")
_SAMPLERS = (
    "RandomSampler",
    "RandomIdentitySampler",
    "RandomDatasetSampler",
    "RandomDomainSampler",
    "SequentialSampler",
)


class _InOrder(Sampler[ClipKey]):
    """Every tracklet once, in order; drawn again each epoch."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[ClipKey]:
        return (ClipKey(self.epoch, place, place) for place in range(self.count))


def make_transform(
    transforms: str | Sequence[str] | ClipTransform | None, size: tuple[int, int], *, train: bool
) -> ClipTransform:
    """Return a transform from torchreid's words ("random_flip", ...), the name of a preset, or the thing itself.

    Draws are made once a clip, where torchreid makes them for every frame.

    Args:
        transforms: one word or several; None is no augmentation.
        size: (H, W).
        train: with augmentation, or resizing alone.

    Raises:
        ConfigError: an unknown word.
    """
    if isinstance(transforms, ClipTransform):
        return transforms if train else ClipTransform([Resize(size)])
    if isinstance(transforms, str) and transforms in PRESETS:
        return build_transform(transforms, size, train=train)
    words = [transforms] if isinstance(transforms, str) else list(transforms or [])
    unknown = [word for word in words if word not in _STEPS]
    if unknown:
        raise ConfigError(
            f"unknown transforms {', '.join(map(repr, unknown))}; choose from {', '.join(_STEPS)}, a preset "
            f"({', '.join(PRESETS.names())}), or pass a ClipTransform"
        )
    if not train:
        return ClipTransform([Resize(size)])
    steps: list[ClipStep] = [] if "random_crop" in words else [Resize(size)]
    if "random_crop" in words:
        steps.append(RandomTranslation2D(size))
    if "random_flip" in words:
        steps.append(HorizontalFlip())
    if "color_jitter" in words:
        steps.append(ColorJitter(0.2, 0.15, 0.0, 0.0, p=1.0))
    if "random_erase" in words:
        steps.append(RandomErasing(fill=fill_after_normalisation(IMAGENET_MEAN)))
    return ClipTransform(steps)


def make_sampler(
    name: str, train: CombinedTrain, *, batch_size: int, instances: int, domains_per_batch: int, seed: int
) -> Sampler[ClipKey]:
    """Return the sampler that torchreid calls by this name.

    Args:
        name: "RandomSampler", "RandomIdentitySampler" (P x K), "RandomDatasetSampler" and "RandomDomainSampler"
            (equal parts from several datasets or cameras), or "SequentialSampler".
        train: the training tracklets.
        batch_size: clips of a batch.
        instances: K of "RandomIdentitySampler".
        domains_per_batch: datasets or cameras in a batch.
        seed: of the draw.

    Raises:
        ConfigError: an unknown name, or a batch that cannot be filled.
    """
    tracklets = train.tracklets
    if name == "SequentialSampler":
        return _InOrder(len(tracklets))
    if name == "RandomIdentitySampler":
        return PKSampler(
            tracklets, batch_size=batch_size, instances=instances, grouping="distinct", seed=seed
        )
    if name == "RandomSampler":  # groups of one tracklet: every tracklet once, shuffled, whole batches
        if batch_size > len(tracklets):
            raise ConfigError(
                f"{len(tracklets)} training tracklets fill no batch of {batch_size}; lower the batch size"
            )
        return PKSampler(tracklets, batch_size=batch_size, instances=1, grouping="all_groups", seed=seed)
    if name in ("RandomDatasetSampler", "RandomDomainSampler"):
        by_camera = [tracklet.camid for tracklet in tracklets]
        return DomainSampler(
            tracklets,
            list(train.domains) if name == "RandomDatasetSampler" else by_camera,
            domains_per_batch=max(domains_per_batch, 0) or None,
            batch_size=batch_size,
            instances=1,
            grouping="all_groups",
            seed=seed,
        )
    raise ConfigError(f"unknown train_sampler {name!r}; choose from {', '.join(_SAMPLERS)}")


def dataset_options(name: str, **options: Any) -> dict[str, Any]:
    """Return those options that a dataset knows: not every dataset has splits to choose from.

    Raises:
        UnknownNameError: no such dataset.
    """
    parameters = inspect.signature(DATASETS[name]).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return options
    known = {parameter.name for parameter in parameters}
    return {key: value for key, value in options.items() if key in known}


def check_normalisation(mean: Sequence[float] | None, std: Sequence[float] | None) -> None:
    """Refuse a normalisation that would not be applied.

    Raises:
        ConfigError: it is not ImageNet's: frames travel as uint8 and the model normalises them with its own.
    """
    for name, given, own in (("norm_mean", mean, IMAGENET_MEAN), ("norm_std", std, IMAGENET_STD)):
        if given is not None and tuple(given) != own:
            raise ConfigError(
                f"{name}={list(given)}: frames are normalised by the model; set its pixel_mean and pixel_std instead"
            )
