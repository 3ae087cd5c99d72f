"""The unfinished state of a store: a file of frames and a journal of the complete ones.

A process may be killed at any byte. The journal gets a line only when the block it names is on the disk, so what
the journal says is always true of a sound disk; whatever the spool holds beyond it is cut off when the work goes on.
Going on reads the spool back, and what differs from its checksums is packed again.
"""

import hashlib
import json
import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from videoreid.data.stores.layout import journal_path, spool_path
from videoreid.errors import DatasetError
from videoreid.utils import get_logger

__all__ = ["Block", "Spool"]


class Block(NamedTuple):
    """A line of the journal.

    Args:
        lengths: bytes of every frame.
        crc32: checksum of every frame.
        sha256: checksum of all of them together.
    """

    lengths: list[int]
    crc32: list[int]
    sha256: str

    @classmethod
    def of(cls, frames: list[bytes]) -> "Block":
        """Return the line that describes these frames."""
        sha256 = hashlib.sha256(b"".join(frames)).hexdigest()
        return cls([len(frame) for frame in frames], [zlib.crc32(frame) for frame in frames], sha256)


class Spool:
    """Appends blocks of encoded frames; use as a context manager, one process at a time.

    Args:
        store: the store that is being written.
        plan: fingerprint of what is packed and how; another plan refuses to go on with this spool.
        frames: how many frames the plan has.

    Raises:
        DatasetError: the half-written store is of another plan.
    """

    def __init__(self, store: str | os.PathLike[str], plan: str, frames: int) -> None:
        self.spool, self.journal = spool_path(store), journal_path(store)
        self.lengths: list[int] = []
        self.crc32: list[int] = []
        self.block_ends: list[int] = []
        self.block_sha256: list[str] = []
        self.spool.parent.mkdir(parents=True, exist_ok=True)
        head, blocks, whole = _read_journal(self.journal)
        if head is not None and head != plan:
            raise DatasetError(
                f"{self.spool} is the half-written store of another dataset, or of other options: delete it and "
                f"{self.journal.name} to start {Path(store).name} again"
            )
        self._data = self.spool.open("ab+")
        if head is None:
            self._data.truncate(0)
            self.journal.unlink(missing_ok=True)
            _append_line(self.journal, {"plan": plan})
        else:
            self._resume(blocks, whole, frames)

    def append(self, frames: list[bytes]) -> None:
        """Write a block of frames, on the disk when the call returns."""
        self._data.write(b"".join(frames))
        self._data.flush()
        os.fsync(self._data.fileno())
        block = Block.of(frames)
        _append_line(self.journal, block._asdict())
        self._take(block)

    def remove(self) -> None:
        """Delete both files: the store is written and verified, or what they hold is of no use."""
        self._data.close()
        self.spool.unlink(missing_ok=True)
        self.journal.unlink(missing_ok=True)

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._data.close()

    def _take(self, block: Block) -> None:
        self.lengths += block.lengths
        self.crc32 += block.crc32
        self.block_ends.append(len(self.lengths))
        self.block_sha256.append(block.sha256)

    def _resume(self, blocks: list[tuple[Block, int]], whole: int, frames: int) -> None:
        """Keep the blocks that the spool still holds as the journal says; cut both files behind the last of them."""
        end = whole
        self._data.seek(0)
        for block, place in blocks:
            data = self._data.read(sum(block.lengths))
            if (
                len(self.lengths) + len(block.lengths) > frames
                or Block.of(_cut(data, block.lengths)) != block
            ):
                end = place
                get_logger("data").warning(
                    "%s is damaged behind frame %d: what follows is packed again",
                    self.spool,
                    len(self.lengths),
                )
                break
            self._take(block)
        with self.journal.open("rb+") as file:
            file.truncate(end)
        self._data.truncate(sum(self.lengths))
        self._data.seek(0, os.SEEK_END)
        get_logger("data").info(
            "going on with %s: %d frames are packed already", self.spool, len(self.lengths)
        )


def _read_journal(path: Path) -> tuple[str | None, list[tuple[Block, int]], int]:
    """Return the plan, the blocks with the place in the file of each, and where the last whole line ends.

    A journal without a plan, of an older version or damaged in its first line, is as none: the plan is then None.
    """
    text = path.read_bytes() if path.is_file() else b""
    plan: str | None = None
    blocks: list[tuple[Block, int]] = []
    place = 0
    for line in text.split(b"\n")[:-1]:  # what follows the last line end was cut off by a kill
        try:
            content = json.loads(line)
            if plan is None:
                plan = str(content["plan"])
            else:
                blocks.append((_block(content), place))
        except (ValueError, TypeError, KeyError, RecursionError):
            get_logger("data").warning("%s is damaged at byte %d: what follows is packed again", path, place)
            break
        place += len(line) + 1
    return plan, blocks, place


def _block(content: dict[str, object]) -> Block:
    block = Block(**content)  # type: ignore[arg-type]  # judged below
    numbers = [*block.lengths, *block.crc32]
    sound = all(type(number) is int and 0 <= number < 1 << 62 for number in numbers)
    if (
        not sound
        or not block.lengths
        or len(block.lengths) != len(block.crc32)
        or not isinstance(block.sha256, str)
    ):
        raise ValueError("no line of a journal")
    return block


def _cut(data: bytes, lengths: list[int]) -> list[bytes]:
    frames, place = [], 0
    for length in lengths:
        frames.append(data[place : place + length])
        place += length
    return frames


def _append_line(path: Path, line: dict[str, object]) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
