"""The half-written state of a store: a file of bytes, and a journal of what in it is whole.

A process may be killed at any byte. The journal gets a line only when the block it names is on the disk, so what
the journal says is always true; whatever the spool holds beyond it is cut off when the work goes on.
"""

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType

from videoreid.data.stores.layout import journal_path, spool_path
from videoreid.errors import DatasetError
from videoreid.utils import get_logger

__all__ = ["Spool"]


class Spool:
    """Appends blocks of encoded frames; use as a context manager.

    Args:
        store: the store that is being written.
        plan: fingerprint of what is packed and how; another plan refuses to go on with this spool.

    Raises:
        DatasetError: the half-written store is of another plan, or the spool is shorter than its journal says.
    """

    def __init__(self, store: str | os.PathLike[str], plan: str) -> None:
        self.spool, self.journal = spool_path(store), journal_path(store)
        self.lengths: list[int] = []
        self.block_ends: list[int] = []
        self.block_sha256: list[str] = []
        self.spool.parent.mkdir(parents=True, exist_ok=True)
        if self.journal.is_file() and self.journal.stat().st_size:
            self._resume(store, plan)
        else:
            _append_line(self.journal, {"plan": plan})
        self._data = self.spool.open("ab")
        self._data.truncate(sum(self.lengths))

    def append(self, frames: list[bytes]) -> None:
        """Write a block of frames, on the disk when the call returns."""
        block = b"".join(frames)
        self._data.write(block)
        self._data.flush()
        os.fsync(self._data.fileno())
        lengths = [len(frame) for frame in frames]
        self._take({"lengths": lengths, "sha256": hashlib.sha256(block).hexdigest()}, write=True)

    def remove(self) -> None:
        """Delete both files: the store is written and verified."""
        self._data.close()
        self.spool.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._data.close()

    def _take(self, line: dict[str, object], *, write: bool) -> None:
        lengths, digest = line["lengths"], line["sha256"]
        assert isinstance(lengths, list)
        if write:
            _append_line(self.journal, line)
        self.lengths += lengths
        self.block_ends.append(len(self.lengths))
        self.block_sha256.append(str(digest))

    def _resume(self, store: str | os.PathLike[str], plan: str) -> None:
        text = self.journal.read_text(encoding="utf-8")
        whole, _, rest = text.rpartition("\n")
        if rest:  # the process was killed within a line: forget it
            with self.journal.open("rb+") as file:
                file.truncate(len(whole.encode()) + 1 if whole else 0)
        lines = [json.loads(line) for line in whole.splitlines()]
        if not lines:
            _append_line(self.journal, {"plan": plan})
            return
        if lines[0].get("plan") != plan:
            raise DatasetError(
                f"{self.spool} is the half-written store of another dataset, or of other options: delete it and "
                f"{self.journal.name} to start {Path(store).name} anew"
            )
        for line in lines[1:]:
            self._take(line, write=False)
        if not self.spool.is_file() or self.spool.stat().st_size < sum(self.lengths):
            raise DatasetError(f"{self.spool} is shorter than its journal says: delete both and pack again")
        get_logger("data").info(
            "going on with %s: %d frames are packed already", self.spool, len(self.lengths)
        )


def _append_line(path: Path, line: dict[str, object]) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
