"""What the engine uses of a loader besides its batches, as one record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from videoreid.errors import ConfigError
from videoreid.types import Tracklet

__all__ = ["LoaderInfo"]


@dataclass(frozen=True, kw_only=True)
class LoaderInfo:
    """Properties and functions of a loader besides yielding `Clip` batches; None or empty if it lacks one.

    A loader of `videoreid.data` has all of them, a plain `DataLoader` or a list fewer. The record does not change
    while the loader exists. The number of batches may differ between epochs; `count_batches` returns the current one.

    Args:
        tracklets: of its dataset; `Clip.index` is an index into them.
        num_frames: frames of a clip.
        sampling: name of the rule by which frames are chosen.
        told_of_epochs: ``set_epoch`` of the loader, or otherwise of its samplers and dataset.
        fetch_ahead: lets workers read beyond the end of an epoch, up to a last epoch.
        get_position: returns the position of the consumer inside the epoch, as plain numbers.
        set_position: restores such a position, so that the next pass yields the rest of the epoch.
        get_length: returns the number of batches in the current epoch.
    """

    tracklets: Sequence[Tracklet] | None = None
    num_frames: int | None = None
    sampling: str | None = None
    told_of_epochs: tuple[Callable[[int], None], ...] = ()
    fetch_ahead: Callable[[int], None] | None = None
    get_position: Callable[[], Mapping[str, Any]] | None = None
    set_position: Callable[[Mapping[str, Any]], None] | None = None
    get_length: Callable[[], int] | None = None

    @classmethod
    def of(cls, loader: Any) -> "LoaderInfo":
        """Return the record of any iterable of batches."""
        dataset = getattr(loader, "dataset", None)
        frames, sampling = getattr(dataset, "num_frames", None), getattr(dataset, "sampling", None)
        parts = [loader] if hasattr(loader, "set_epoch") else []
        parts = parts or [getattr(loader, name, None) for name in ("sampler", "batch_sampler", "dataset")]
        return cls(
            tracklets=getattr(dataset, "tracklets", None),
            num_frames=frames if isinstance(frames, int) else None,
            sampling=sampling if isinstance(sampling, str) else None,
            told_of_epochs=tuple(part.set_epoch for part in parts if hasattr(part, "set_epoch")),
            fetch_ahead=getattr(loader, "fetch_ahead", None),
            get_position=getattr(loader, "state_dict", None),
            set_position=getattr(loader, "load_state_dict", None),
            get_length=loader.__len__ if hasattr(loader, "__len__") else None,
        )

    def set_epoch(self, epoch: int) -> None:
        """Pass the number of the next epoch, 0-based, to the loader."""
        for set_epoch in self.told_of_epochs:
            set_epoch(epoch)

    def position(self) -> Mapping[str, Any] | None:
        """Return the position of the loader inside its epoch; None if the loader or its sampler cannot report it."""
        if self.get_position is None or self.set_position is None:
            return None
        try:
            return self.get_position()
        except ConfigError:  # a sampler that is not the library's; the epoch is repeated on resume
            return None

    def count_batches(self) -> int:
        """Return the number of batches in the current epoch.

        Raises:
            ConfigError: there is no batch, or the loader has no length.
        """
        try:
            count = None if self.get_length is None else self.get_length()
        except TypeError:  # raised for an iterable dataset
            count = None
        if count is None:
            raise ConfigError("the loader has no length: an epoch must have an end; wrap its dataset")
        if count == 0:
            raise ConfigError("the loader has no batch: fewer clips than one batch, or an empty training set")
        return count
