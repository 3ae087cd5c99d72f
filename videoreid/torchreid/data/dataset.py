"""torchreid's dataset classes: three lists of ``(paths, pid, camid)``, and items as dictionaries."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.utils.data import Dataset as TorchDataset

from videoreid.data.sampling import sample_indices
from videoreid.errors import ConfigError, DatasetError
from videoreid.torchreid.utils.tools import read_image
from videoreid.utils import generator_from

__all__ = ["Dataset", "ImageDataset", "VideoDataset"]

_MODES = ("train", "query", "gallery")


class Dataset(TorchDataset[dict[str, Any]]):
    """Base of torchreid's dataset classes; subclass `ImageDataset` or `VideoDataset`.

    Args:
        train: training entries ``(paths, pid, camid)``, or with a fourth value, the number of the dataset.
        query: query entries.
        gallery: gallery entries.
        transform: called with the PIL image of an item; None keeps PIL images.
        mode: list of the items: "train", "query" or "gallery".
        **kwargs: accepted and ignored: torchreid passes options of its managers here.

    Attributes:
        train: entries with four values; likewise query and gallery.
        data: the list of ``mode``.

    Raises:
        ConfigError: an unknown mode.
    """

    def __init__(
        self,
        train: Sequence[tuple],
        query: Sequence[tuple],
        gallery: Sequence[tuple],
        transform: Callable[[Any], Any] | None = None,
        mode: str = "train",
        **kwargs: Any,
    ) -> None:
        del kwargs
        if mode not in _MODES:
            raise ConfigError(f"unknown mode {mode!r}; choose from {', '.join(_MODES)}")
        self.train, self.query, self.gallery = map(_of_four, (train, query, gallery))
        self.transform, self.mode = transform, mode
        self.data: list[tuple] = getattr(self, mode)

    def __len__(self) -> int:
        return len(self.data)

    @property
    def num_train_pids(self) -> int:
        """People in ``train``."""
        return self.get_num_pids(self.train)

    @property
    def num_train_cams(self) -> int:
        """Cameras in ``train``."""
        return self.get_num_cams(self.train)

    def get_num_pids(self, data: Sequence[tuple]) -> int:
        """Return the number of people in a list of entries."""
        return len({entry[1] for entry in data})

    def get_num_cams(self, data: Sequence[tuple]) -> int:
        """Return the number of cameras in a list of entries."""
        return len({entry[2] for entry in data})

    def check_before_run(self, required_files: str | Sequence[str]) -> None:
        """Check that files or folders exist.

        Raises:
            DatasetError: a path does not exist; the message names it.
        """
        for path in [required_files] if isinstance(required_files, str) else required_files:
            if not Path(path).exists():
                raise DatasetError(f"{type(self).__name__}: {path} does not exist; check root")

    def show_summary(self) -> None:
        """Print people, entries and cameras of the three lists."""
        print(f"=> Loaded {type(self).__name__}")  # noqa: T201 - torchreid's function prints
        for name in _MODES:
            part = getattr(self, name)
            counts = self.get_num_pids(part), len(part), self.get_num_cams(part)
            print(f"{name:8} ids {counts[0]:6}  entries {counts[1]:8}  cameras {counts[2]:4}")  # noqa: T201

    def _image(self, path: str) -> Any:
        image = read_image(path)
        return image if self.transform is None else self.transform(image)


class ImageDataset(Dataset):
    """Lists of ``(path, pid, camid)``; an item is a dictionary of img, pid, camid, impath and dsetid."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        path, pid, camid, dsetid = self.data[index]
        return {"img": self._image(path), "pid": pid, "camid": camid, "impath": path, "dsetid": dsetid}


class VideoDataset(Dataset):
    """Lists of ``(paths, pid, camid)``; an item is a dictionary of img, pid, camid and dsetid.

    Its ``img`` is ``(T, 3, H, W)`` if the transform returns tensors, else a list of T images.

    Args:
        train: see `Dataset`.
        query: see `Dataset`.
        gallery: see `Dataset`.
        seq_len: frames of an item T.
        sample_method: which frames, a rule of `videoreid.data.sampling`; a random rule chooses the same frames of an
            item each time.
        **kwargs: see `Dataset`.
    """

    sample_seed: ClassVar[int] = 0

    def __init__(
        self,
        train: Sequence[tuple],
        query: Sequence[tuple],
        gallery: Sequence[tuple],
        seq_len: int = 15,
        sample_method: str = "evenly",
        **kwargs: Any,
    ) -> None:
        super().__init__(train, query, gallery, **kwargs)
        self.seq_len, self.sample_method = seq_len, sample_method

    def __getitem__(self, index: int) -> dict[str, Any]:
        paths, pid, camid, dsetid = self.data[index]
        generator = generator_from(self.sample_seed, index)
        rows = sample_indices(self.sample_method, len(paths), self.seq_len, generator)
        frames: Any = [self._image(paths[row]) for row in rows.reshape(-1).tolist()]
        if all(isinstance(frame, torch.Tensor) for frame in frames):
            frames = torch.stack(frames)
        return {"img": frames, "pid": pid, "camid": camid, "dsetid": dsetid}


def _of_four(entries: Sequence[tuple]) -> list[tuple]:
    """Return entries with a fourth value, the number of their dataset; 0 if it is missing."""
    return [
        (*entry, 0) if isinstance(entry, tuple | list) and len(entry) == 3 else entry for entry in entries
    ]
