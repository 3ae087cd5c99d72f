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
    """A `DataLoader` of clips that knows how far its consumer has come, and can fetch ahead over the end of an epoch.

    Args:
        dataset: the clips.
        batch_size: clips of a batch.
        sampler: a `PKSampler`, or any other; None takes every clip in order.
        workers: processes that read; 0 reads in this one.

    Raises:
        ConfigError: a batch size below 1 or other than the sampler's, or fewer than 0 workers.
        WorkerError: while it is read: a worker was killed.
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
        if batch_size < 1 or workers < 0:
            raise ConfigError(
                f"batch_size must be 1 or more and workers 0 or more, got {batch_size} and {workers}"
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
            # else each start of workers draws from the global generator, and when they start must not matter
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
        running, self._running = self._running, None  # not put back where the consumer stops early
        if running is None or self._read != (present[0], present[1] - 1) or not sampler.follows_on():
            running = self._started()
        for batch in self._guarded(islice(running, count)):
            self._done += 1
            yield batch
        self._running, self._read = running, present

    def fetch_ahead(self, last_epoch: int) -> None:
        """Let workers fetch the first batches of the next epoch while this one ends, up to ``last_epoch`` (0-based).

        What a clip looks like is named by its `ClipKey`, so nothing depends on when it is fetched. An epoch begins at
        once if it is the one after the last that was read whole; any other is started again. Without workers, or
        with another sampler than a `PKSampler`, nothing changes.
        """
        if isinstance(self.sampler, PKSampler) and self.num_workers > 0:
            self.sampler.follow_on(last_epoch)

    @property
    def skipped_frames(self) -> int:
        """Unreadable frames that were skipped so far."""
        return self.dataset.skipped_frames  # type: ignore[attr-defined]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of sampler and dataset."""
        for part in (self.sampler, self.dataset):
            if hasattr(part, "set_epoch"):
                part.set_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and the number of batches that the consumer has taken of it, for an exact resume."""
        return self._resumable().state_dict(self._done)

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on where `state_dict` was taken: the next pass gives the rest of that epoch."""
        self._resumable().load_state_dict(state)
        self._done = state["batches_done"]

    def _started(self) -> Iterator[Clip]:
        """Start a pass, with new workers where one of the last pass has died since."""
        workers = getattr(self._iterator, "_workers", ())
        if not all(worker.is_alive() for worker in workers):
            self._iterator = None
        with worker_errors():  # they can die before the first batch is asked for
            return super().__iter__()

    def _guarded(self, batches: Iterator[Clip]) -> Iterator[Clip]:
        try:
            yield from guard_workers(batches)
        except WorkerError:
            self._iterator = None  # its other workers are of no use; the next pass starts new ones
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
    """Build the loader of a training split: P x K batches, one random clip a tracklet.

    Call ``set_epoch(epoch)`` on it, or on its sampler, before each epoch. Other samplers and options go together by
    hand: ``ClipLoader(ClipDataset(...), sampler=PKSampler(..., grouping=...))``.

    Args:
        tracklets: the training split; pids are the labels.
        batch_size: clips of a batch on one process, a multiple of ``instances``.
        num_frames: frames of a clip T.
        instances: tracklets of an identity in a batch K.
        sampling: which frames (see `videoreid.data.sampling`).
        transform: what is done to them, or the name of a preset, in its published size.
        workers: processes that read; the numbers do not depend on it.
        seed: of batches, frames and augmentation.

    Raises:
        ConfigError: the batch cannot be filled, or is no multiple of ``instances``.
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
        batch_size: clips of a batch.
        num_frames: frames of a clip T.
        sampling: which frames; "all_strided" or "dense" take every one, in several clips.
        transform: what is done to them, or the name of a preset, in its published size.
        workers: processes that read.

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
