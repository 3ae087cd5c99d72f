"""Base of torchreid's two data managers: loaders for training and testing from dataset names."""

from collections.abc import Sequence
from typing import Any

from videoreid.data.clips import ClipDataset
from videoreid.data.combining import CombinedTrain, combine_train
from videoreid.data.datasets import build_dataset
from videoreid.data.loaders import ClipLoader, eval_loader
from videoreid.errors import ConfigError
from videoreid.torchreid.data.manager_options import (
    ManagerOptions,
    dataset_options,
    make_sampler,
    make_transform,
)
from videoreid.types import Splits, Tracklet
from videoreid.utils import get_logger

__all__ = ["DataManager"]


class DataManager:
    """Base class of `VideoDataManager` and `ImageDataManager`.

    Attributes:
        sources: names of the datasets to train on.
        targets: names of the datasets to test on.
        train_loader: loader of the training clips.
        train_domains: number of the source of each training tracklet.
        train_loader_t: loader of the targets' training clips; None unless requested.
        test_loader: by target, ``{"query": loader, "gallery": loader}``.
        test_dataset: by target, ``{"query": tracklets, "gallery": tracklets}``.
        test_splits: by target, its `Splits`, which name its evaluation protocol.
    """

    def __init__(self, options: ManagerOptions) -> None:
        self.sources, self.targets = options.names()
        self.height, self.width = options.size
        self._options = options
        self._clip: dict[str, Any] = {"num_frames": options.num_frames, "sampling": options.sampling}
        loaded = {name: self._load(name) for name in dict.fromkeys((*self.sources, *self.targets))}
        train = combine_train([loaded[name] for name in self.sources], include_test=options.combineall)
        self.train_domains = train.domains
        self._num_train_pids = len({tracklet.pid for tracklet in train.tracklets})
        self._num_train_cams = len({tracklet.camid for tracklet in train.tracklets})
        self.train_loader = self._make_train_loader(train, options.train_sampler)
        self.train_loader_t: ClipLoader | None = None
        if options.train_sampler_t is not None:
            self._refuse_overlap()
            others = combine_train([loaded[name] for name in self.targets])
            self.train_loader_t = self._make_train_loader(others, options.train_sampler_t)
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
        """Number of training identities of all sources."""
        return self._num_train_pids

    @property
    def num_train_cams(self) -> int:
        """Number of training cameras of all sources."""
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
        known = dataset_options(name, split_id=self._options.split_id)
        return build_dataset(name, self._options.root or None, **known)

    def _make_train_loader(self, train: CombinedTrain, sampler: str) -> ClipLoader:
        options = self._options
        transform = make_transform(options.transforms, self._options.size, train=True)
        dataset = ClipDataset(train.tracklets, transform=transform, seed=options.seed, **self._clip)
        return ClipLoader(
            dataset,
            batch_size=options.batch_sizes[0],
            sampler=make_sampler(
                sampler,
                train,
                batch_size=options.batch_sizes[0],
                instances=options.num_instances,
                domains_per_batch=options.num_cams
                if sampler == "RandomDomainSampler"
                else options.num_datasets,
                seed=options.seed,
            ),
            workers=options.workers,
        )

    def _make_test_loader(self, tracklets: Sequence[Tracklet], name: str, part: str) -> ClipLoader:
        if not tracklets:
            raise ConfigError(
                f"target {name!r} has no {part}; choose another target, or targets=[] to train without tests"
            )
        return eval_loader(
            tracklets,
            batch_size=self._options.batch_sizes[1],
            transform=make_transform(self._options.transforms, self._options.size, train=False),
            workers=self._options.workers,
            **self._clip,
        )

    def _refuse_overlap(self) -> None:
        both = sorted(set(self.sources) & set(self.targets))
        if both:
            raise ConfigError(
                f"load_train_targets: {', '.join(both)} is a source and a target; give different datasets"
            )
