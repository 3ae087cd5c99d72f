"""torchreid's samplers: they yield positions in a list of ``(path, pid, camid, dsetid)``, for a plain `DataLoader`."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch.utils.data import RandomSampler, Sampler, SequentialSampler

from videoreid.data.samplers import DomainSampler, PKSampler
from videoreid.errors import ConfigError
from videoreid.types import Tracklet

__all__ = [
    "AVAI_SAMPLERS",
    "RandomDatasetSampler",
    "RandomDomainSampler",
    "RandomIdentitySampler",
    "build_train_sampler",
]

AVAI_SAMPLERS = (
    "RandomIdentitySampler",
    "SequentialSampler",
    "RandomSampler",
    "RandomDomainSampler",
    "RandomDatasetSampler",
)


class _Positions(Sampler[int]):
    """Positions that a sampler of clips draws, drawn again on each pass."""

    def __init__(self, planner: PKSampler) -> None:
        self.planner = planner
        self.batch_size = planner.batch_size
        self._passes = 0

    def __iter__(self) -> Iterator[int]:
        self.planner.set_epoch(self._passes)
        self._passes += 1
        return (key.tracklet for key in self.planner)

    def __len__(self) -> int:
        return len(self.planner)


class RandomIdentitySampler(_Positions):
    """Batches of P identities with K images each.

    Each identity's images are cut into groups of K, and an epoch ends when fewer than P identities have groups left. An
    identity of fewer than K images is drawn with replacement.

    Args:
        data_source: entries ``(path, pid, camid, ...)``, or tracklets.
        batch_size: images of a batch, P x K.
        num_instances: K.
        seed: of the draws. Each pass draws again; two samplers of one seed draw the same passes.

    Raises:
        ConfigError: the batch is no multiple of K, or cannot be filled.
    """

    def __init__(
        self, data_source: Sequence[Any], batch_size: int, num_instances: int, *, seed: int = 0
    ) -> None:
        self.num_instances = num_instances
        self.num_pids_per_batch = batch_size // num_instances if num_instances > 0 else 0
        super().__init__(
            PKSampler(
                _tracklets(data_source),
                batch_size=batch_size,
                instances=num_instances,
                grouping="distinct",
                seed=seed,
            )
        )


class RandomDomainSampler(_Positions):
    """Batches with equally many images of each of some cameras.

    Args:
        data_source: entries ``(path, pid, camid, ...)``, or tracklets.
        batch_size: images of a batch, a multiple of ``n_domain``.
        n_domain: cameras in a batch; None, 0 or less takes all of them.
        seed: as for `RandomIdentitySampler`.

    Raises:
        ConfigError: the batch cannot be shared equally, or cannot be filled.
    """

    def __init__(
        self, data_source: Sequence[Any], batch_size: int, n_domain: int | None = None, *, seed: int = 0
    ) -> None:
        tracklets = _tracklets(data_source)
        domains = [tracklet.camid for tracklet in tracklets]
        super().__init__(_shared(tracklets, domains, batch_size, n_domain, seed))


class RandomDatasetSampler(_Positions):
    """Batches with equally many images of each of some datasets.

    Args:
        data_source: entries ``(path, pid, camid, dsetid)``.
        batch_size: images of a batch, a multiple of ``n_dataset``.
        n_dataset: datasets in a batch; None, 0 or less takes all of them.
        seed: as for `RandomIdentitySampler`.

    Raises:
        ConfigError: an entry has no dataset, or the batch cannot be shared equally or filled.
    """

    def __init__(
        self, data_source: Sequence[Any], batch_size: int, n_dataset: int | None = None, *, seed: int = 0
    ) -> None:
        short = next((entry for entry in data_source if isinstance(entry, Tracklet) or len(entry) < 4), None)
        if short is not None:
            raise ConfigError(f"RandomDatasetSampler needs entries (path, pid, camid, dsetid), got {short!r}")
        domains = [int(entry[3]) for entry in data_source]
        super().__init__(_shared(_tracklets(data_source), domains, batch_size, n_dataset, seed))


def build_train_sampler(
    data_source: Sequence[Any],
    train_sampler: str,
    batch_size: int = 32,
    num_instances: int = 4,
    num_cams: int = 1,
    num_datasets: int = 1,
    **kwargs: Any,
) -> Sampler[int]:
    """Return the sampler with this torchreid name.

    Args:
        data_source: entries ``(path, pid, camid, dsetid)``.
        train_sampler: one of `AVAI_SAMPLERS`.
        batch_size: images of a batch.
        num_instances: K of "RandomIdentitySampler".
        num_cams: cameras in a batch of "RandomDomainSampler".
        num_datasets: datasets in a batch of "RandomDatasetSampler".
        **kwargs: ``seed``; others are accepted and ignored.

    Raises:
        ConfigError: an unknown name, or a batch that cannot be filled.
    """
    seed = int(kwargs.get("seed", 0))
    if train_sampler == "RandomIdentitySampler":
        return RandomIdentitySampler(data_source, batch_size, num_instances, seed=seed)
    if train_sampler == "RandomDomainSampler":
        return RandomDomainSampler(data_source, batch_size, num_cams, seed=seed)
    if train_sampler == "RandomDatasetSampler":
        return RandomDatasetSampler(data_source, batch_size, num_datasets, seed=seed)
    if train_sampler == "SequentialSampler":
        return SequentialSampler(data_source)
    if train_sampler == "RandomSampler":
        return RandomSampler(data_source)
    raise ConfigError(f"unknown train_sampler {train_sampler!r}; choose from {', '.join(AVAI_SAMPLERS)}")


def _shared(
    tracklets: Sequence[Tracklet], domains: Sequence[int], batch_size: int, count: int | None, seed: int
) -> DomainSampler:
    return DomainSampler(
        tracklets,
        domains,
        domains_per_batch=count if count is not None and count > 0 else None,
        batch_size=batch_size,
        instances=1,
        grouping="all_groups",
        seed=seed,
    )


def _tracklets(data_source: Sequence[Any]) -> list[Tracklet]:
    """Return the entries as tracklets; their paths are not opened."""
    return [
        entry if isinstance(entry, Tracklet) else Tracklet((str(entry[0]),), int(entry[1]), int(entry[2]))
        for entry in data_source
    ]
