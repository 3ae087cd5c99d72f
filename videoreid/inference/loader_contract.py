"""What the engine may ask of a loader: one record, read off the loader in one place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from videoreid.errors import ConfigError
from videoreid.types import Tracklet

__all__ = ["LoaderInfo"]


@dataclass(frozen=True, kw_only=True)
class LoaderInfo:
    """What a loader knows and can do beside yielding `Clip` batches; None or empty for what it does not.

    A loader of `videoreid.data` has everything, a plain `DataLoader` or a list less. Nothing here changes while the
    loader lives: the number of batches, which some samplers plan again for each epoch, is asked by `count_batches`.

    Args:
        tracklets: of its dataset; `Clip.index` counts in them.
        num_frames: frames of a clip.
        sampling: name of the rule by which they are chosen.
        told_of_epochs: ``set_epoch`` of the loader, or else of its samplers and dataset.
        fetch_ahead: lets workers read over the end of an epoch, up to a last one.
        get_position: returns where its consumer is inside the epoch, as plain numbers.
        set_position: takes that over again, so that the next pass yields the rest of the epoch.
        get_length: returns the batches of the present epoch.
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
        """Read the record off any iterable of batches."""
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
        """Tell the loader which epoch comes, 0-based."""
        for tell in self.told_of_epochs:
            tell(epoch)

    def position(self) -> Mapping[str, Any] | None:
        """Return where the loader is inside its epoch; None where it, or its sampler, cannot say."""
        if self.get_position is None or self.set_position is None:
            return None
        try:
            return self.get_position()
        except ConfigError:  # a sampler that is not the library's; the epoch will be played again
            return None

    def count_batches(self) -> int:
        """Return the batches of the present epoch.

        Raises:
            ConfigError: there is none, or the loader has no length.
        """
        try:
            count = None if self.get_length is None else self.get_length()
        except TypeError:  # of a stream
            count = None
        if count is None:
            raise ConfigError("the loader has no length: an epoch must have an end; wrap its dataset")
        if count == 0:
            raise ConfigError("the loader has no batch: fewer clips than one batch, or an empty training set")
        return count
