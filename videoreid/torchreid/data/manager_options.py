"""Translate torchreid's names of transforms, samplers and options."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

__all__ = ["ManagerOptions", "check_normalisation", "dataset_options", "make_sampler", "make_transform"]

_STEPS = ("random_flip", "random_crop", "color_jitter", "random_erase")
_SAMPLERS = (
    "RandomSampler",
    "RandomIdentitySampler",
    "RandomDatasetSampler",
    "RandomDomainSampler",
    "SequentialSampler",
)


@dataclass(frozen=True)
class ManagerOptions:
    """Options of a data manager, with torchreid's names; see the managers for their meaning.

    Args:
        root: folder that holds the datasets; "" means ``VIDEOREID_DATA``.
        sources: a name or several.
        targets: a name or several; None means the sources.
        size: height and width of a frame in pixels.
        transforms: see `make_transform`.
        split_id: which split, for datasets that have several.
        combineall: also train on the test people.
        batch_sizes: clips of a training and of a test batch.
        workers: processes that read, per loader.
        num_instances: K of P x K.
        num_cams: cameras in a batch of "RandomDomainSampler"; 0 is all.
        num_datasets: datasets in a batch of "RandomDatasetSampler"; 0 is all.
        train_sampler: see `make_sampler`.
        train_sampler_t: the same for the targets' training clips; None makes no loader of them.
        num_frames: frames of a clip T.
        sampling: which frames, a rule of `videoreid.data.sampling`.
        seed: of batches, frames and augmentation.
    """

    root: str
    sources: str | Sequence[str] | None
    targets: str | Sequence[str] | None
    size: tuple[int, int]
    transforms: str | Sequence[str] | ClipTransform | None
    split_id: int
    combineall: bool
    batch_sizes: tuple[int, int]
    workers: int
    num_instances: int
    num_cams: int
    num_datasets: int
    train_sampler: str
    seed: int
    train_sampler_t: str | None = None
    num_frames: int = 1
    sampling: str = "evenly"

    def names(self) -> tuple[list[str], list[str]]:
        """Return the names of the sources and of the targets.

        Raises:
            ConfigError: there is no source.
        """
        if not self.sources:
            raise ConfigError("sources: name at least one dataset to train on, such as 'mars'")
        targets = self.sources if self.targets is None else self.targets
        sources, targets = (
            [names] if isinstance(names, str) else list(names) for names in (self.sources, targets)
        )
        return sources, targets


class _InOrder(Sampler[ClipKey]):
    """Every tracklet once, in order."""

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
    """Return a transform from torchreid's words ("random_flip", ...), the name of a preset, or a `ClipTransform`.

    Random values are drawn once for each clip; torchreid draws them for each frame.

    Args:
        transforms: one word or several; None means no augmentation.
        size: (H, W).
        train: augment; False only resizes.

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
    """Return the sampler with this torchreid name.

    Args:
        name: "RandomSampler", "RandomIdentitySampler" (P x K), "RandomDatasetSampler" and "RandomDomainSampler"
            (equal parts from several datasets or cameras), or "SequentialSampler".
        train: the training tracklets.
        batch_size: clips of a batch.
        instances: K of "RandomIdentitySampler".
        domains_per_batch: datasets or cameras in a batch.
        seed: of the random order.

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
    """Return the options that the function of a dataset accepts; not every dataset has several splits.

    Raises:
        UnknownNameError: no such dataset.
    """
    parameters = inspect.signature(DATASETS[name]).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return options
    known = {parameter.name for parameter in parameters}
    return {key: value for key, value in options.items() if key in known}


def check_normalisation(mean: Sequence[float] | None, std: Sequence[float] | None) -> None:
    """Refuse a normalisation other than ImageNet's.

    Raises:
        ConfigError: another one; loaders give uint8 frames, which the model normalises with its own mean and std.
    """
    for name, given, own in (("norm_mean", mean, IMAGENET_MEAN), ("norm_std", std, IMAGENET_STD)):
        if given is not None and tuple(given) != own:
            raise ConfigError(
                f"{name}={list(given)}: frames are normalised by the model; set its pixel_mean and pixel_std instead"
            )
