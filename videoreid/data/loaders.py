"""Loaders: P x K batches for training, every clip once for evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler

from videoreid.data.clips import ClipDataset
from videoreid.data.samplers import PKSampler
from videoreid.data.sampling import SamplingRule
from videoreid.data.transforms import ClipTransform, build_transform
from videoreid.errors import ConfigError, WorkerError
from videoreid.types import Clip, Tracklet
from videoreid.utils import seed_worker
from videoreid.utils.workers import guard_workers, worker_errors

__all__ = ["ClipLoader", "eval_loader", "train_loader"]


class ClipLoader(DataLoader[Clip]):
    """A `DataLoader` of clips that counts the batches its consumer has taken and can prefetch the next epoch.

    Args:
        dataset: the clips.
        batch_size: clips per batch.
        sampler: a `PKSampler`, or any other; None takes every clip in order.
        workers: number of reading processes; 0 reads in this process.

    Raises:
        ConfigError: ``batch_size`` differs from that of the sampler.
        WorkerError: a worker was killed while batches were read.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        *,
        batch_size: int = 32,
        sampler: Sampler[Any] | None = None,
        workers: int = 0,
    ) -> None:
        if isinstance(sampler, PKSampler) and sampler.batch_size != batch_size:
            raise ConfigError(
                f"the sampler plans batches of {sampler.batch_size}, the loader of {batch_size}"
            )
        self._done = 0
        self._running: Iterator[Clip] | None = None
        self._read: tuple[int, int] | None = None
        super().__init__(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=workers,
            worker_init_fn=seed_worker,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            # without it, each start of workers draws from the global generator: results would depend on when they start
            generator=torch.Generator().manual_seed(dataset.seed) if isinstance(sampler, PKSampler) else None,
        )

    def __iter__(self) -> Iterator[Clip]:  # type: ignore[override]  # a generator, to count what was taken
        sampler = self.sampler
        if not isinstance(sampler, PKSampler):
            self._done = 0
            for batch in self._guarded(self._started()):
                self._done += 1
                yield batch
            return
        self._done, count, present = sampler.batches_to_skip, len(self), (sampler.seed, sampler.epoch)
        running, self._running = self._running, None  # stays None if the consumer stops early
        if running is None or self._read != (present[0], present[1] - 1) or not sampler.follows_on():
            running = self._started()
        for batch in self._guarded(islice(running, count)):
            self._done += 1
            yield batch
        self._running, self._read = running, present

    def fetch_ahead(self, last_epoch: int) -> None:
        """Let workers fetch the first batches of the next epoch while this one ends, up to ``last_epoch`` (0-based).

        A clip depends on its `ClipKey` alone, not on when it is fetched. If the previous epoch was read completely,
        the next one uses the prefetched batches; any other epoch starts a new pass. Without workers, or with a sampler
        that is not a `PKSampler`, nothing changes.
        """
        if isinstance(self.sampler, PKSampler) and self.num_workers > 0:
            self.sampler.follow_on(last_epoch)

    @property
    def skipped_frames(self) -> int:
        """Unreadable frames that were skipped so far."""
        return self.dataset.skipped_frames  # type: ignore[attr-defined]

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of sampler and dataset."""
        for part in (self.sampler, self.dataset):
            if hasattr(part, "set_epoch"):
                part.set_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and the number of batches that the consumer has taken of it, for an exact resume."""
        return self._resumable().state_dict(self._done)

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Resume where `state_dict` was taken: the next pass gives the rest of that epoch."""
        self._resumable().load_state_dict(state)
        self._done = state["batches_done"]

    def _started(self) -> Iterator[Clip]:
        """Start a pass, with new workers if a worker of the last pass has died."""
        workers = getattr(self._iterator, "_workers", ())
        if not all(worker.is_alive() for worker in workers):
            self._iterator = None
        with worker_errors():  # workers can die before the first batch is requested
            return super().__iter__()

    def _guarded(self, batches: Iterator[Clip]) -> Iterator[Clip]:
        try:
            yield from guard_workers(batches)
        except WorkerError:
            self._iterator = None  # the next pass starts new workers
            raise

    def _resumable(self) -> PKSampler:
        if not isinstance(self.sampler, PKSampler):
            raise ConfigError(
                f"only a PKSampler can be resumed in mid-epoch, not a {type(self.sampler).__name__}"
            )
        return self.sampler


def train_loader(
    tracklets: Sequence[Tracklet],
    *,
    batch_size: int = 32,
    num_frames: int = 4,
    instances: int = 4,
    sampling: str | SamplingRule = "random_crop",
    transform: ClipTransform | str = "basic",
    workers: int = 0,
    seed: int = 0,
) -> ClipLoader:
    """Build the loader of a training split: P x K batches, one random clip per tracklet.

    Call ``set_epoch(epoch)`` on it, or on its sampler, before each epoch. For other samplers and options, build the
    loader yourself: ``ClipLoader(ClipDataset(...), sampler=PKSampler(..., grouping=...))``.

    Args:
        tracklets: the training split; pids are the labels.
        batch_size: clips per batch on one process, a multiple of ``instances``.
        num_frames: frames per clip T.
        instances: tracklets per identity in a batch K.
        sampling: rule that chooses the frames (see `videoreid.data.sampling`).
        transform: transform of a clip, or the name of a preset in its published size.
        workers: number of reading processes; the clips do not depend on it.
        seed: seed of batches, frames and augmentation.

    Raises:
        ConfigError: the batch cannot be filled, or is not a multiple of ``instances``.
    """
    if isinstance(transform, str):
        transform = build_transform(transform, train=True)
    dataset = ClipDataset(tracklets, num_frames=num_frames, sampling=sampling, transform=transform, seed=seed)
    sampler = PKSampler(tracklets, batch_size=batch_size, instances=instances, seed=seed)
    return ClipLoader(dataset, batch_size=batch_size, sampler=sampler, workers=workers)


def eval_loader(
    tracklets: Sequence[Tracklet],
    *,
    batch_size: int = 32,
    num_frames: int = 4,
    sampling: str | SamplingRule = "evenly",
    transform: ClipTransform | str = "basic",
    workers: int = 0,
) -> ClipLoader:
    """Build the loader of a query or gallery split: every clip of every tracklet, in order.

    ``loader.dataset.tracklets`` are the tracklets; ``Clip.index`` says to which of them a clip belongs.

    Args:
        tracklets: a split.
        batch_size: clips per batch.
        num_frames: frames per clip T.
        sampling: rule that chooses the frames; "all_strided" and "dense" use every frame, in several clips.
        transform: transform of a clip, or the name of a preset in its published size.
        workers: number of reading processes.

    Raises:
        ConfigError: clips of unequal length (the rule "all") in a batch of several.
    """
    if isinstance(transform, str):
        transform = build_transform(transform, train=False)
    if sampling == "all" and batch_size > 1 and len({len(tracklet) for tracklet in tracklets}) > 1:
        raise ConfigError(
            f"sampling 'all' gives clips of unequal length, which do not stack into batches of {batch_size}: use "
            "batch_size=1, or 'dense'"
        )
    dataset = ClipDataset(tracklets, num_frames=num_frames, sampling=sampling, transform=transform)
    return ClipLoader(dataset, batch_size=batch_size, workers=workers)
