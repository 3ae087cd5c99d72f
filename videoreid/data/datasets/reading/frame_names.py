"""The frames of one tracklet as a slice of a shared name table, from which paths are built on demand."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np

__all__ = ["FrameNames"]


class FrameNames(Sequence[str]):
    """File names without their folder, kept as bytes; an item is ``folder/name``.

    A dataset of a million frames would cost hundreds of megabytes as strings; a view of one NumPy table costs
    its bytes alone, and pickling a tracklet for a worker copies only its own names.

    Args:
        folder: folder of all names.
        names: ``(n,)`` array of dtype ``S``, a view of the table of the dataset.

    Example:
        >>> frames = FrameNames("data/0001", np.array([b"a.jpg", b"b.jpg"]))
        >>> frames[-1], len(frames)
        ('data/0001/b.jpg', 2)
    """

    __slots__ = ("_folder", "_names")

    def __init__(self, folder: str, names: np.ndarray) -> None:
        self._folder = folder
        self._names = names

    @classmethod
    def of(cls, folder: str, names: Iterable[str]) -> "FrameNames":
        """Return the frames of these names in ``folder``."""
        return cls(folder, np.array([os.fsencode(name) for name in names]))

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "FrameNames": ...
    def __getitem__(self, index: int | slice) -> "str | FrameNames":
        if isinstance(index, slice):
            return FrameNames(self._folder, self._names[index])
        return f"{self._folder}/{os.fsdecode(self._names[index])}"

    def __iter__(self) -> Iterator[str]:
        for name in self._names.tolist():
            yield f"{self._folder}/{os.fsdecode(name)}"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrameNames):
            return self._folder == other._folder and np.array_equal(self._names, other._names)
        if isinstance(other, Sequence) and not isinstance(other, (str, bytes)):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"FrameNames({self._folder!r}, {len(self)} frames)"
