"""Datasets and loaders of pictures with label maps, for the training engine."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.distributed
from torch.utils.data import DataLoader, Dataset, Sampler

from videoreid.data.datasets import ParsingPair, read_pair
from videoreid.errors import ConfigError
from videoreid.parsing.tables import LabelTable, get_table
from videoreid.parsing.transforms import ParsingTransform
from videoreid.types import Clip
from videoreid.utils import generator_from, seed_worker

__all__ = ["ParsingDataset", "ParsingLoader", "ShuffledPictures", "parsing_loader"]


class ParsingDataset(Dataset[Clip]):
    """Labelled pictures as clips of one frame, with a label map instead of a number.

    The label map is in ``Clip.pid``, the label field of a clip, so that the engine with its checkpoints and resume also
    trains parsers. The augmented picture depends on (seed, epoch, index) alone.

    Args:
        pairs: pictures with labels.
        table: mapping of the labels on disk to classes.
        transform: transform of picture and labels.
        seed: seed of the augmentation.

    Raises:
        ConfigError: there is no pair, or a pair without labels.
    """

    def __init__(
        self,
        pairs: Sequence[ParsingPair],
        *,
        table: LabelTable,
        transform: ParsingTransform,
        seed: int = 0,
    ) -> None:
        if not pairs or not all(pair.label for pair in pairs):
            raise ConfigError(f"training needs pictures with labels; {len(pairs)} pairs were given")
        # arrays, not a list of objects: the reference counts of a list make every worker copy its memory
        self._images = np.array([pair.image for pair in pairs])
        self._labels = np.array([pair.label for pair in pairs])
        self.table, self.transform, self.seed = table, transform, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._images)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the augmentation."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> Clip:
        pair = ParsingPair(str(self._images[index]), str(self._labels[index]))
        image, labels = read_pair(pair, len(self.table.sources))
        image, labels = self.transform(
            image,
            self.table.map(labels),
            table=self.table,
            generator=generator_from(self.seed, self.epoch, index),
        )
        return Clip(
            frames=torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0).contiguous(),
            pid=torch.from_numpy(labels),
            camid=torch.tensor(-1),
            time=torch.tensor(math.nan, dtype=torch.float64),
            index=torch.tensor(index),
        )


class ShuffledPictures(Sampler[int]):
    """Every picture once per epoch, in an order given by (seed, epoch); process r of R takes every R-th picture.

    Args:
        count: number of pictures; the last ones that do not fill a round of all processes are left out of an epoch.
        seed: seed of the order.
        rank: number of this process; None asks `torch.distributed`.
        world_size: number of processes; None asks `torch.distributed`.
    """

    def __init__(
        self, count: int, *, seed: int = 0, rank: int | None = None, world_size: int | None = None
    ) -> None:
        self.count, self.seed, self.epoch = count, seed, 0
        is_parallel = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = rank if rank is not None else torch.distributed.get_rank() if is_parallel else 0
        self.world_size = world_size or (torch.distributed.get_world_size() if is_parallel else 1)

    def __len__(self) -> int:
        return self.count // self.world_size

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the order."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = generator_from(self.seed, self.epoch, -1).permutation(self.count)
        whole = order[: len(self) * self.world_size]
        return iter(whole[self.rank :: self.world_size].tolist())


class ParsingLoader(DataLoader[Clip]):
    """Batches of labelled pictures; the last pictures of an epoch that do not fill a batch are left out."""

    def __init__(self, dataset: ParsingDataset, *, batch_size: int, workers: int = 0) -> None:
        sampler = ShuffledPictures(len(dataset), seed=dataset.seed)
        if not 2 <= batch_size <= len(sampler):
            raise ConfigError(
                f"batch_size must be 2 (norm layers need two pictures) to {len(sampler)} (all that a process has), got "
                f"{batch_size}"
            )
        super().__init__(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=workers,
            worker_init_fn=seed_worker,
            pin_memory=torch.cuda.is_available(),
            drop_last=True,
            generator=torch.Generator().manual_seed(dataset.seed),
        )

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of order and augmentation, before the workers of that epoch start."""
        for part in (self.sampler, self.dataset):
            part.set_epoch(epoch)  # type: ignore[union-attr]


def parsing_loader(
    pairs: Sequence[ParsingPair],
    *,
    table: LabelTable | str,
    transform: ParsingTransform,
    batch_size: int = 20,
    workers: int = 0,
    seed: int = 0,
) -> ParsingLoader:
    """Build the loader of a training split.

    Args:
        pairs: pictures with labels (``build_parsing_dataset("lip").train``).
        table: mapping of the labels on disk to classes, a table or its name.
        transform: transform of picture and labels.
        batch_size: pictures per batch.
        workers: number of reading processes; the batches do not depend on it.
        seed: seed of order and augmentation.

    Returns:
        A loader of `Clip` batches with frames ``(B, 1, 3, H, W)`` uint8 and label maps ``pid (B, H, W)`` uint8.

    Raises:
        ConfigError: no pair, a pair without labels, or a batch that cannot be filled.
    """
    dataset = ParsingDataset(pairs, table=get_table(table), transform=transform, seed=seed)
    return ParsingLoader(dataset, batch_size=batch_size, workers=workers)
