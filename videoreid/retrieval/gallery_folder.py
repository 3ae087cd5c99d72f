"""The folder of a gallery: its recordings in memory, and locked changes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np

from videoreid.errors import ConfigError
from videoreid.retrieval.gallery_files import (
    StoredRecording,
    erase,
    read_recording,
    read_thumbnails,
    sweep,
    write_recording,
)
from videoreid.retrieval.gallery_records import GalleryTracklet, Recording
from videoreid.utils.locks import only_one

__all__ = ["GalleryFolder"]

# written by commands; they show people who may be deleted from the gallery
_PAGES = ("answer.html", "people.html", "identities.csv", "boxes.csv", "mot/*.txt")


class GalleryFolder:
    """Recordings of a folder, one file each.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stored: dict[str, tuple[tuple[int, int], StoredRecording]] = {}
        self.refresh()

    @property
    def parts(self) -> list[StoredRecording]:
        """All recordings in the order of their names."""
        return sorted((stored for _, stored in self._stored.values()), key=lambda part: part.recording.name)

    def refresh(self) -> None:
        """Read the changes of other processes."""
        found = {}
        for path in sorted(self.path.glob("[0-9a-f]*.npz")):
            status = path.stat()
            mark = (status.st_mtime_ns, status.st_ino)
            known = self._stored.get(path.name)
            found[path.name] = known if known and known[0] == mark else (mark, read_recording(path))
        self._stored = found

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Lock the folder for changes by this process, and read the changes of other processes first."""
        with only_one(self.path / ".lock", what="changing the gallery", wait=True):
            sweep(self.path)
            self.refresh()
            yield
            self.refresh()

    def find(self, key: str) -> tuple[StoredRecording, int]:
        """Return the recording of a tracklet and the tracklet's row in it.

        Raises:
            ConfigError: there is no such tracklet.
        """
        name, _, track = key.rpartition(":")
        for part in self.parts:
            if part.recording.name == name:
                for row, tracklet in enumerate(part.tracklets):
                    if str(tracklet.track) == track:
                        return part, row
        raise ConfigError(f"no tracklet {key!r} in the gallery {self.path}: a key looks like recording:track")

    def whole(self, key: str) -> GalleryTracklet:
        """Return a tracklet with its pictures and boxes."""
        part, row = self.find(key)
        path = self._file(part.recording)
        status = path.stat()
        return _whole(path, (status.st_mtime_ns, status.st_ino)).tracklets[row]

    def write(
        self, recording: Recording, tracklets: Sequence[GalleryTracklet], embeddings: np.ndarray
    ) -> None:
        """Write a recording, ``embeddings (N, D)``, within `changing`."""
        write_recording(self._file(recording), recording, tracklets, embeddings)

    def drop(self, part: StoredRecording) -> int:
        """Erase a recording, within `changing`; return the number of its tracklets."""
        self._forget_pages()
        erase(self._file(part.recording))
        return len(part.tracklets)

    def keep(self, part: StoredRecording, kept: Sequence[bool]) -> int:
        """Erase the tracklets of a recording that are not kept, within `changing`; return their number."""
        if all(kept):
            return 0
        self._forget_pages()
        path = self._file(part.recording)
        whole = read_thumbnails(path)
        rows = [row for row, keep in enumerate(kept) if keep]
        left = [whole.tracklets[row] for row in rows]
        write_recording(path, whole.recording, left, whole.embeddings[rows])
        return len(kept) - len(rows)

    def _forget_pages(self) -> None:
        _whole.cache_clear()
        for name in _PAGES:
            for path in self.path.glob(name):
                erase(path)

    def _file(self, recording: Recording) -> Path:
        return self.path / f"{recording.digest[:32]}.npz"


@lru_cache(16)
def _whole(path: Path, mark: tuple[int, int]) -> StoredRecording:
    """Return a recording with its thumbnails and boxes; ``mark`` makes a changed file a new entry of the cache."""
    return read_thumbnails(path)
