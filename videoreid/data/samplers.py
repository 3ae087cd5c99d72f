"""Samplers of P x K batches: P identities with K tracklets each, split over processes, resumable in mid-epoch."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from torch.utils.data import Sampler

from videoreid.data.clips import ClipKey
from videoreid.data.groupings import GROUPINGS, domain_batches
from videoreid.errors import ConfigError
from videoreid.types import Tracklet
from videoreid.utils import generator_from
from videoreid.utils.processes import process_count, process_rank

__all__ = ["DomainSampler", "PKSampler"]


class PKSampler(Sampler[ClipKey]):
    """Yields the tracklets of P x K batches, batch after batch.

    Every process plans the whole epoch from (seed, epoch); process r of R takes the batches r, r + R, ..., so that
    batches stay whole, no tracklet group is used twice, and every process has the same number of batches.

    Args:
        tracklets: the training split.
        batch_size: clips per batch on one process, P x K.
        instances: tracklets per identity K.
        grouping: rule that puts the tracklets of an identity into groups (see `videoreid.data.groupings`).
        seed: seed of the plan.
        rank: number of this process; None asks `torch.distributed`.
        world_size: number of processes; None asks `torch.distributed`.

    Raises:
        ConfigError: the batch is not a multiple of K, or there are too few identities to fill one batch.
    """

    def __init__(
        self,
        tracklets: Sequence[Tracklet],
        *,
        batch_size: int = 32,
        instances: int = 4,
        grouping: str = "permutation",
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        if instances < 1 or batch_size < instances or batch_size % instances:
            raise ConfigError(
                f"a batch of {batch_size} does not hold whole identities of {instances} tracklets: make batch_size a "
                "multiple of instances"
            )
        self.batch_size = batch_size
        self.instances = instances
        self.identities = batch_size // instances
        self.seed = seed
        self.epoch = 0
        self._group = GROUPINGS[grouping]
        self._pids = np.array([tracklet.pid for tracklet in tracklets], dtype=np.int64)
        self._camids = np.array([tracklet.camid for tracklet in tracklets], dtype=np.int64)
        self.rank = process_rank() if rank is None else rank
        self.world_size = process_count() if world_size is None else world_size
        self._skip = 0
        self._last_epoch = -1
        self._ended_after: int | None = None
        self._planned: tuple[int, np.ndarray] | None = None
        self._refuse_empty()

    def plan(self, generator: np.random.Generator) -> np.ndarray:
        """Return the epoch's batches of all processes, ``(num_batches, batch_size)`` positions of tracklets."""
        groups = self._group(self._pids, self._camids, self.instances, self.identities, generator)
        whole = len(groups) // self.identities
        return groups[: whole * self.identities].reshape(whole, self.batch_size)

    @property
    def num_batches(self) -> int:
        """Batches of this process in the current epoch."""
        return len(self._epoch_plan()) // self.world_size

    @property
    def batches_to_skip(self) -> int:
        """Batches of this process that the next pass skips, because they were used before a resume."""
        return self._skip

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; a position that `load_state_dict` set for the same epoch stays."""
        if epoch != self.epoch:
            self.epoch, self._skip = epoch, 0

    def state_dict(self, batches_done: int = 0) -> dict[str, int]:
        """Return the position to resume from, after ``batches_done`` batches of this epoch on this process.

        A loader fetches ahead of its consumer, so only the consumer knows this number (`ClipLoader` counts it).
        """
        return {"epoch": self.epoch, "seed": self.seed, "batches_done": batches_done}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Resume where `state_dict` was taken: the next pass yields the rest of that epoch."""
        self.epoch, self.seed, self._skip = state["epoch"], state["seed"], state["batches_done"]
        self._planned = None

    def follow_on(self, last_epoch: int) -> None:
        """Let a pass continue with the following epochs, up to ``last_epoch``, for a loader that fetches ahead.

        The length stays that of one epoch: the consumer counts the clips.
        """
        self._last_epoch = last_epoch

    def follows_on(self) -> bool:
        """Return whether a pass that reached the end of the previous epoch continues with the current one."""
        return self.epoch <= self._last_epoch and self._ended_after != self.epoch - 1 and not self._skip

    def __iter__(self) -> Iterator[ClipKey]:
        epoch, first, self._skip = self.epoch, self._skip, 0
        self._ended_after = None
        yield from self._keys(epoch, self._epoch_plan(), first)
        while epoch < self._last_epoch:
            epoch += 1
            yield from self._keys(epoch, self.plan(generator_from(self.seed, epoch)), 0)
        self._ended_after = epoch

    def _keys(self, epoch: int, plan: np.ndarray, first: int) -> Iterator[ClipKey]:
        for batch in range(first, len(plan) // self.world_size):
            number = batch * self.world_size + self.rank
            for place, tracklet in enumerate(plan[number]):
                yield ClipKey(epoch, number * self.batch_size + place, int(tracklet))

    def __len__(self) -> int:
        """Clips of this process that the next pass yields."""
        return (self.num_batches - self._skip) * self.batch_size

    def _epoch_plan(self) -> np.ndarray:
        if self._planned is None or self._planned[0] != self.epoch:
            self._planned = (self.epoch, self.plan(generator_from(self.seed, self.epoch)))
        return self._planned[1]

    def _refuse_empty(self) -> None:
        if self.num_batches == 0:
            known = len(np.unique(self._pids))
            most = max(known // self.world_size, 1) * self.instances
            raise ConfigError(
                f"{known} identities fill no batch of {self.identities} identities x {self.instances} tracklets on "
                f"{self.world_size} process(es): lower batch_size to {most} or less"
            )


class DomainSampler(PKSampler):
    """P x K batches whose identities come in equal parts from several sources.

    Args:
        tracklets: the training split, pids distinct between the sources.
        domains: for every tracklet, the number of its source.
        domains_per_batch: number of sources in a batch; None is all of them. P must be a multiple of it.
        **options: as for `PKSampler`.

    Raises:
        ConfigError: as `PKSampler`, or P cannot be divided equally among the sources.
    """

    def __init__(
        self,
        tracklets: Sequence[Tracklet],
        domains: Sequence[int],
        *,
        domains_per_batch: int | None = None,
        batch_size: int = 32,
        instances: int = 4,
        **options: object,
    ) -> None:
        self._domains = np.asarray(domains, dtype=np.int64)
        sources = len(np.unique(self._domains))
        self._domains_per_batch = domains_per_batch or sources
        if len(self._domains) != len(tracklets):
            raise ConfigError(
                f"{len(tracklets)} tracklets but {len(self._domains)} domains: expected one per tracklet"
            )
        if not 1 <= self._domains_per_batch <= sources or (batch_size // instances) % self._domains_per_batch:
            raise ConfigError(
                f"{batch_size // instances} identities a batch cannot be shared equally by "
                f"{self._domains_per_batch} of {sources} sources"
            )
        super().__init__(tracklets, batch_size=batch_size, instances=instances, **options)  # type: ignore[arg-type]

    def plan(self, generator: np.random.Generator) -> np.ndarray:
        """Return the epoch's batches of all processes, ``(num_batches, batch_size)`` positions of tracklets."""
        groups = self._group(self._pids, self._camids, self.instances, self.identities, generator)
        batches = domain_batches(
            self._domains[groups[:, 0]],
            self.identities // self._domains_per_batch,
            self._domains_per_batch,
            generator,
        )
        return groups[batches].reshape(len(batches), self.batch_size)
