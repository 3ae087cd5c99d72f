"""The unfinished state of a store: a file of frames and a journal of the complete ones.

A process may be killed at any byte. The journal gets a line only after the block of that line is on the disk, so the
journal is always right unless the disk is faulty. A resumed run cuts off what the spool holds beyond the journal, reads
the spool back, and packs again what differs from its checksums.
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
        sha256: checksum of all frames together.
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
        plan: fingerprint of the dataset and the options; a spool with another plan is refused.
        frames: number of frames in the plan.

    Raises:
        DatasetError: the half-written store belongs to another plan.
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
        """Write a block of frames; it is on the disk when the call returns."""
        self._data.write(b"".join(frames))
        self._data.flush()
        os.fsync(self._data.fileno())
        block = Block.of(frames)
        _append_line(self.journal, block._asdict())
        self._take(block)

    def remove(self) -> None:
        """Delete both files, after the store is verified or when their content cannot be used."""
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
        """Keep the blocks whose bytes match the journal; cut both files off after the last of them."""
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
                    "%s is damaged after frame %d: what follows is packed again",
                    self.spool,
                    len(self.lengths),
                )
                break
            self._take(block)
        with self.journal.open("rb+") as file:
            file.truncate(end)
        self._data.truncate(sum(self.lengths))
        self._data.seek(0, os.SEEK_END)
        get_logger("data").info("resuming %s: %d frames are packed already", self.spool, len(self.lengths))


def _read_journal(path: Path) -> tuple[str | None, list[tuple[Block, int]], int]:
    """Return the plan, the blocks with their byte offsets in the journal, and the end of the last whole line.

    The plan is None if the journal is missing, of an older version, or damaged in its first line.
    """
    text = path.read_bytes() if path.is_file() else b""
    plan: str | None = None
    blocks: list[tuple[Block, int]] = []
    place = 0
    for line in text.split(b"\n")[:-1]:  # the process was killed while it wrote a line without an end
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
    block = Block(**content)  # type: ignore[arg-type]  # checked below
    numbers = [*block.lengths, *block.crc32]
    sound = all(type(number) is int and 0 <= number < 1 << 62 for number in numbers)
    if (
        not sound
        or not block.lengths
        or len(block.lengths) != len(block.crc32)
        or not isinstance(block.sha256, str)
    ):
        raise ValueError("not a line of a journal")
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
