"""torchreid's data managers: names of datasets in, loaders for training and testing out."""

from collections.abc import Sequence
from typing import Any

from videoreid.data.clips import ClipDataset
from videoreid.data.combining import CombinedTrain, combine_train
from videoreid.data.datasets import build_dataset
from videoreid.data.loaders import ClipLoader, eval_loader
from videoreid.data.transforms import ClipTransform
from videoreid.errors import ConfigError
from videoreid.torchreid.data.manager_options import (
    check_normalisation,
    dataset_options,
    make_sampler,
    make_transform,
)
from videoreid.types import Splits, Tracklet
from videoreid.utils import get_logger

__all__ = ["DataManager", "ImageDataManager", "VideoDataManager"]


class DataManager:
    """What the two managers share; make one of them instead.

    Attributes:
        sources: names of the datasets to train on.
        targets: names of the datasets to test on.
        train_loader: loader of the training clips.
        train_loader_t: loader of the targets' training clips, where asked for, else None.
        test_loader: by target, ``{"query": loader, "gallery": loader}``.
        test_dataset: by target, ``{"query": tracklets, "gallery": tracklets}``.
        test_splits: by target, the whole `Splits`, with the protocol it is scored by.
    """

    def __init__(self, options: dict[str, Any], *, num_frames: int, sampling: str) -> None:
        check_normalisation(options["norm_mean"], options["norm_std"])
        sources, targets = options["sources"], options["targets"]
        if not sources:
            raise ConfigError("sources: name at least one dataset to train on, such as 'mars'")
        self.sources = [sources] if isinstance(sources, str) else list(sources)
        targets = self.sources if targets is None else targets
        self.targets = [targets] if isinstance(targets, str) else list(targets)
        self.height, self.width = options["height"], options["width"]
        self._options = options
        self._clip: dict[str, Any] = {"num_frames": num_frames, "sampling": sampling}
        loaded = {name: self._load(name) for name in dict.fromkeys((*self.sources, *self.targets))}
        train = combine_train([loaded[name] for name in self.sources], include_test=options["combineall"])
        self._num_train_pids = len({tracklet.pid for tracklet in train.tracklets})
        self._num_train_cams = len({tracklet.camid for tracklet in train.tracklets})
        self.train_loader = self._make_train_loader(train, options["train_sampler"])
        self.train_loader_t: ClipLoader | None = None
        if options.get("load_train_targets"):
            self._refuse_overlap()
            others = combine_train([loaded[name] for name in self.targets])
            self.train_loader_t = self._make_train_loader(others, options["train_sampler_t"])
        self.test_splits: dict[str, Splits] = {name: loaded[name] for name in self.targets}
        self.test_dataset: dict[str, dict[str, Sequence[Tracklet]]] = {
            name: {"query": splits.query, "gallery": splits.gallery}
            for name, splits in self.test_splits.items()
        }
        self.test_loader = {
            name: {part: self._make_test_loader(tracklets, name, part) for part, tracklets in parts.items()}
            for name, parts in self.test_dataset.items()
        }
        get_logger("data").info(
            "sources %s: %d ids, %d tracklets, %d cameras; targets %s",
            ", ".join(self.sources),
            self.num_train_pids,
            len(train.tracklets),
            self.num_train_cams,
            ", ".join(self.targets),
        )

    @property
    def num_train_pids(self) -> int:
        """Training identities of all sources: the number of classes."""
        return self._num_train_pids

    @property
    def num_train_cams(self) -> int:
        """Training cameras of all sources."""
        return self._num_train_cams

    def fetch_test_loaders(self, name: str) -> tuple[Sequence[Tracklet], Sequence[Tracklet]]:
        """Return query and gallery tracklets of a target (torchreid's name for it).

        Raises:
            ConfigError: no such target.
        """
        if name not in self.test_dataset:
            raise ConfigError(
                f"{name!r} is not a target of this manager; its targets are {', '.join(self.targets)}"
            )
        return self.test_dataset[name]["query"], self.test_dataset[name]["gallery"]

    def _load(self, name: str) -> Splits:
        root = self._options["root"] or None
        return build_dataset(name, root, **dataset_options(name, split_id=self._options["split_id"]))

    def _make_train_loader(self, train: CombinedTrain, sampler: str) -> ClipLoader:
        options = self._options
        transform = make_transform(options["transforms"], (self.height, self.width), train=True)
        dataset = ClipDataset(train.tracklets, transform=transform, seed=options["seed"], **self._clip)
        return ClipLoader(
            dataset,
            batch_size=options["batch_size_train"],
            sampler=make_sampler(
                sampler,
                train,
                batch_size=options["batch_size_train"],
                instances=options["num_instances"],
                domains_per_batch=options["num_cams" if sampler == "RandomDomainSampler" else "num_datasets"],
                seed=options["seed"],
            ),
            workers=options["workers"],
        )

    def _make_test_loader(self, tracklets: Sequence[Tracklet], name: str, part: str) -> ClipLoader:
        if not tracklets:
            raise ConfigError(
                f"target {name!r} has no {part}; choose another target, or targets=[] to train without tests"
            )
        return eval_loader(
            tracklets,
            batch_size=self._options["batch_size_test"],
            transform=make_transform(self._options["transforms"], (self.height, self.width), train=False),
            workers=self._options["workers"],
            **self._clip,
        )

    def _refuse_overlap(self) -> None:
        both = sorted(set(self.sources) & set(self.targets))
        if both:
            raise ConfigError(
                f"load_train_targets: {', '.join(both)} is source and target at once; keep them apart"
            )


class VideoDataManager(DataManager):
    """Loaders of video datasets, with torchreid's keywords.

    What differs on purpose: augmentation is drawn once a clip, frames leave the loader as uint8 and are normalised by
    the model, `PKSampler` never mixes halves of batches, and ``test_splits`` says how each target is scored.

    Args:
        root: folder that holds the datasets; "" means ``VIDEOREID_DATA``.
        sources: datasets to train on, a name or several.
        targets: datasets to test on; None means the sources, an empty list none.
        height: of a frame in pixels.
        width: of a frame in pixels.
        transforms: torchreid's words, a preset, or a `ClipTransform`.
        norm_mean: must be ImageNet's or None: the model normalises.
        norm_std: likewise.
        use_gpu: taken for torchreid's sake; the engine decides.
        split_id: which split, for datasets that have several.
        combineall: also train on the test people; scores on the sources are then meaningless.
        batch_size_train: clips of a training batch.
        batch_size_test: clips of a test batch.
        workers: processes that read, per loader.
        num_instances: K of P x K.
        num_cams: cameras in a batch of "RandomDomainSampler"; 0 is all.
        num_datasets: datasets in a batch of "RandomDatasetSampler"; 0 is all.
        train_sampler: see `manager_options.make_sampler`.
        seq_len: frames of a clip T.
        sample_method: which frames, a rule of `videoreid.data.sampling`.
        seed: of batches, frames and augmentation.

    Raises:
        ConfigError: an option that does not exist or cannot be met.
        UnknownNameError: no such dataset or rule.
        DatasetError: a dataset is missing or damaged.
    """

    data_type = "video"

    def __init__(  # noqa: PLR0913 - torchreid's own list of keywords
        self,
        root: str = "",
        sources: str | Sequence[str] | None = None,
        targets: str | Sequence[str] | None = None,
        height: int = 256,
        width: int = 128,
        transforms: str | Sequence[str] | ClipTransform | None = "random_flip",
        norm_mean: Sequence[float] | None = None,
        norm_std: Sequence[float] | None = None,
        use_gpu: bool = True,  # noqa: FBT001, FBT002 - torchreid's
        split_id: int = 0,
        combineall: bool = False,  # noqa: FBT001, FBT002 - torchreid's
        batch_size_train: int = 3,
        batch_size_test: int = 3,
        workers: int = 4,
        num_instances: int = 4,
        num_cams: int = 1,
        num_datasets: int = 1,
        train_sampler: str = "RandomSampler",
        seq_len: int = 15,
        sample_method: str = "evenly",
        *,
        seed: int = 0,
    ) -> None:
        options = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        self.seq_len, self.sample_method = seq_len, sample_method
        super().__init__(options, num_frames=seq_len, sampling=sample_method)


class ImageDataManager(DataManager):
    """Loaders of image datasets, with torchreid's keywords: every image is a clip of one frame.

    Args:
        root: folder that holds the datasets; "" means ``VIDEOREID_DATA``.
        sources: datasets to train on, a name or several.
        targets: datasets to test on; None means the sources, an empty list none.
        height: of an image in pixels.
        width: of an image in pixels.
        transforms: torchreid's words, a preset, or a `ClipTransform`.
        k_tfm: must be 1: one view of an image.
        norm_mean: must be ImageNet's or None: the model normalises.
        norm_std: likewise.
        use_gpu: taken for torchreid's sake; the engine decides.
        split_id: which split, for datasets that have several.
        combineall: also train on the test people; scores on the sources are then meaningless.
        load_train_targets: also make ``train_loader_t`` of the targets' training images.
        batch_size_train: images of a training batch.
        batch_size_test: images of a test batch.
        workers: processes that read, per loader.
        num_instances: K of P x K.
        num_cams: cameras in a batch of "RandomDomainSampler"; 0 is all.
        num_datasets: datasets in a batch of "RandomDatasetSampler"; 0 is all.
        train_sampler: see `manager_options.make_sampler`.
        train_sampler_t: the same for ``train_loader_t``.
        seed: of batches and augmentation.

    Raises:
        ConfigError: an option that does not exist or cannot be met.
        UnknownNameError: no such dataset.
        DatasetError: a dataset is missing or damaged.
    """

    data_type = "image"

    def __init__(  # noqa: PLR0913 - torchreid's own list of keywords
        self,
        root: str = "",
        sources: str | Sequence[str] | None = None,
        targets: str | Sequence[str] | None = None,
        height: int = 256,
        width: int = 128,
        transforms: str | Sequence[str] | ClipTransform | None = "random_flip",
        k_tfm: int = 1,
        norm_mean: Sequence[float] | None = None,
        norm_std: Sequence[float] | None = None,
        use_gpu: bool = True,  # noqa: FBT001, FBT002 - torchreid's
        split_id: int = 0,
        combineall: bool = False,  # noqa: FBT001, FBT002 - torchreid's
        load_train_targets: bool = False,  # noqa: FBT001, FBT002 - torchreid's
        batch_size_train: int = 32,
        batch_size_test: int = 32,
        workers: int = 4,
        num_instances: int = 4,
        num_cams: int = 1,
        num_datasets: int = 1,
        train_sampler: str = "RandomSampler",
        train_sampler_t: str = "RandomSampler",
        *,
        seed: int = 0,
    ) -> None:
        if k_tfm != 1:
            raise ConfigError(f"k_tfm={k_tfm}: an image is augmented once; make two datasets for two views")
        options = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        super().__init__(options, num_frames=1, sampling="evenly")
