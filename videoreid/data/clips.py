"""The clips of tracklets: the dataset behind every loader."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from videoreid.data.frames import FrameReader
from videoreid.data.sampling import SamplingRule, sample_indices
from videoreid.data.transforms import ClipTransform
from videoreid.errors import ConfigError, FrameError
from videoreid.types import Clip, Tracklet
from videoreid.utils import generator_from

__all__ = ["ClipDataset", "ClipKey"]


class ClipKey(NamedTuple):
    """The item that a training sampler requests; it names the random draw, so that no worker needs to know the epoch.

    Args:
        epoch: number of the epoch.
        position: position within the epoch, so that a tracklet that is used twice gives two different clips.
        tracklet: position of the tracklet in its split.
    """

    epoch: int
    position: int
    tracklet: int


class ClipDataset(Dataset[Clip]):
    """The clips of tracklets, sampled, read and augmented on demand.

    An item number counts clips: a rule that gives a tracklet several clips makes the dataset longer than its list of
    tracklets, and `Clip.index` says which tracklet a clip belongs to. A `ClipKey` gives one clip of a
    tracklet, drawn for its epoch and position.

    Args:
        tracklets: one split of a dataset.
        num_frames: frames of a clip T.
        sampling: a rule of `videoreid.data.sampling`, by name or as a function.
        transform: from the frames of a clip to ``(T, 3, H, W)`` uint8; None leaves them as they are.
        seed: seed of sampling and augmentation; a clip depends on (seed, epoch, position, tracklet) alone.
        on_bad_frame: "raise", or "skip": another frame of the clip takes its place, and it is counted.

    Raises:
        ConfigError: no tracklet, or a number of frames below one.
        UnknownNameError: no such sampling rule.
    """

    def __init__(
        self,
        tracklets: Sequence[Tracklet],
        *,
        num_frames: int = 4,
        sampling: str | SamplingRule = "evenly",
        transform: ClipTransform | None = None,
        seed: int = 0,
        on_bad_frame: Literal["raise", "skip"] = "raise",
    ) -> None:
        if not tracklets:
            raise ConfigError(
                "no tracklets: a dataset needs one or more; is this split empty in this dataset?"
            )
        self.tracklets = tracklets
        self.num_frames = num_frames
        self.sampling = sampling
        self.transform = transform or ClipTransform([])
        self.seed = seed
        self.epoch = 0
        self.reader = FrameReader(on_bad_frame)
        self._ends = self._count_clips()

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the draws for plain item numbers; a `ClipKey` has its own epoch."""
        if epoch != self.epoch:
            self.epoch = epoch
            self._ends = self._count_clips()

    @property
    def skipped_frames(self) -> int:
        """Unreadable frames that were skipped so far, in this process and in its workers."""
        return self.reader.skipped

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, item: int | ClipKey) -> Clip:
        if isinstance(item, ClipKey):
            return self._clip(item, clip=None)
        if not -len(self) <= item < len(self):
            raise IndexError(f"clip {item} of {len(self)}")
        item %= len(self)
        tracklet = int(np.searchsorted(self._ends, item, side="right"))
        clip = item - (int(self._ends[tracklet - 1]) if tracklet else 0)
        return self._clip(ClipKey(self.epoch, 0, tracklet), clip=clip)

    def _clip(self, key: ClipKey, *, clip: int | None) -> Clip:
        tracklet = self.tracklets[key.tracklet]
        # two streams: the draws of the rule must not change the augmentation, nor the clip number the rule's draws
        indices = sample_indices(self.sampling, len(tracklet), self.num_frames, self._generator(key))
        augmentation = self._generator(key, 1 if clip is None else 1 + clip)
        if clip is None:
            clip = int(augmentation.integers(len(indices))) if len(indices) > 1 else 0
        frames = self.reader.read([tracklet.frames[position] for position in indices[clip]])
        try:
            pixels = self.transform(frames, augmentation)
        except FrameError as error:
            raise FrameError(f"tracklet {key.tracklet} ({tracklet.frames[0]} ...): {error}") from error
        return Clip(
            frames=pixels,
            pid=torch.tensor(tracklet.pid, dtype=torch.int64),
            camid=torch.tensor(tracklet.camid, dtype=torch.int64),
            time=torch.tensor(tracklet.time, dtype=torch.float64),
            index=torch.tensor(key.tracklet, dtype=torch.int64),
        )

    def _generator(self, key: ClipKey, *stream: int) -> np.random.Generator:
        return generator_from(self.seed, *key, *stream)

    def _count_clips(self) -> np.ndarray:
        counts = [
            len(
                sample_indices(
                    self.sampling, len(t), self.num_frames, self._generator(ClipKey(self.epoch, 0, i))
                )
            )
            for i, t in enumerate(self.tracklets)
        ]
        return np.cumsum(counts)
