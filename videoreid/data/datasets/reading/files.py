"""Folders and files of a dataset: find its root, list in natural order, refuse paths outside the root."""

import codecs
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from videoreid.data.datasets.remarks import note_left_out
from videoreid.errors import DatasetError

__all__ = [
    "IMAGE_SUFFIXES",
    "check_inside",
    "find_root",
    "list_folders",
    "list_images",
    "natural_key",
    "read_lines",
    "read_text",
    "require_file",
]

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
_ARCHIVES = (".7z", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip")
_DIGITS = re.compile(r"(\d+)")
_MOST_DIGITS = 1000
_LONGEST_NAME = 255  # characters of one part of a path


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that compares numbers by value: ``frame_2`` comes before ``frame_10``.

    Example:
        >>> sorted(["f10.jpg", "f9.jpg"], key=natural_key)
        ['f9.jpg', 'f10.jpg']
    """
    # (0, number, "") and (1, 0, text) can always be compared; the text at the end orders "01" and "1"
    # (numbers of more digits than Python converts are compared as text, by their length first)
    parts = [
        ((0, int(part), "") if len(part) < _MOST_DIGITS else (1, len(part), part))
        if part.isdecimal()
        else (1, 0, part)
        for part in _DIGITS.split(name)
        if part
    ]
    return (*parts, (2, 0, name))


def find_root(
    root: str | Path | None, dataset: str, required: Sequence[str], folders: Sequence[str] = ()
) -> Path:
    """Return the folder that holds the dataset: ``root`` itself, or one of the usual folders in it.

    Args:
        root: folder given by the user; None means the environment variable ``VIDEOREID_DATA``.
        dataset: name used in messages.
        required: entries that the folder must hold to be the dataset.
        folders: usual names of the folder of the dataset, tried below ``root`` in this order.

    Raises:
        DatasetError: no such folder; the message says what was found instead.
    """
    hint = f"; `videoreid data layout {dataset}` shows the expected tree"
    given = root if root is not None else os.environ.get("VIDEOREID_DATA")
    if given is None:
        raise DatasetError(
            f"{dataset}: no root given; pass the folder of the dataset (or its parent), "
            f"or name it in the environment variable VIDEOREID_DATA{hint}"
        )
    path = Path(given).expanduser()
    if path.is_file():
        what = "an archive: unpack it and give the folder" if _is_archive(path) else "a file, not a folder"
        raise DatasetError(f"{dataset}: {path} is {what}{hint}")
    if not path.is_dir():
        raise DatasetError(f"{dataset}: root {path} does not exist{hint}")
    candidates = [path, *(path / name for name in folders if (path / name).is_dir())]
    for candidate in candidates:
        if all((candidate / entry).exists() for entry in required):
            return candidate
    looks = []
    for candidate in candidates:
        missing = [entry for entry in required if not (candidate / entry).exists()]
        looks.append(f"{candidate} lacks {', '.join(missing)} ({_describe(candidate)})")
    raise DatasetError(f"{dataset}: {'; '.join(looks)}{hint}")


def list_folders(folder: Path) -> list[str]:
    """Return the names of the folders in ``folder``, in natural order, without hidden ones.

    Raises:
        DatasetError: the folder is missing or cannot be read, or an entry is a loop of symbolic links.
    """
    return sorted((entry.name for entry in _scan(folder) if _is_dir(entry)), key=natural_key)


def list_images(folder: Path) -> list[str]:
    """Return the names of the image files in ``folder``, in natural order, without hidden ones.

    Other files are counted, and the running loader reports their number.

    Raises:
        DatasetError: the folder is missing or cannot be read, or an entry is a loop of symbolic links.
    """
    names = []
    for entry in _scan(folder):
        if entry.name.lower().endswith(IMAGE_SUFFIXES):
            if _is_file(entry):
                names.append(entry.name)
        elif entry.is_file():
            note_left_out("files are left out, as they do not end in " + " ".join(IMAGE_SUFFIXES), entry.path)
    return sorted(names, key=natural_key)


def check_inside(name: str, where: str) -> str:
    r"""Return ``name`` if it is a relative path that stays below its folder.

    Only the text is checked: a symbolic link inside the dataset may lead to another disk.

    Args:
        name: path as written in a list of the dataset; ``\`` and ``/`` are both separators.
        where: list and line, for the message.

    Raises:
        DatasetError: the path is empty, absolute, contains ``..``, or is not a possible file path.
    """
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if not name or posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise DatasetError(
            f"{where}: path {name!r} leaves the root of the dataset; "
            "expected a relative path below it, without '..'"
        )
    if "\0" in name or max(map(len, posix.parts), default=0) > _LONGEST_NAME:
        raise DatasetError(f"{where}: path {name[:60]!r} ... is not a possible file path")
    return name


def require_file(path: Path, dataset: str) -> Path:
    """Return ``path`` if it is a file.

    Raises:
        DatasetError: it is not; the message lists its folder.
    """
    if not path.is_file():
        raise DatasetError(
            f"{dataset}: missing file {path}; {_describe(path.parent)}"
            f"; `videoreid data layout {dataset}` shows the expected tree"
        )
    return path


def read_lines(path: Path, dataset: str) -> list[str]:
    """Return the lines of a list file without line ends; blank lines at the end are dropped.

    Raises:
        DatasetError: the file is missing or is not UTF-8 text; the message names the line.
    """
    text = read_text(path, dataset).rstrip()
    return text.split("\n") if text else []


def read_text(path: Path, dataset: str) -> str:
    r"""Return a text file: UTF-8 with or without a byte order mark, or UTF-16 with one; all line ends become ``\n``.

    Raises:
        DatasetError: the file is missing, or a line is in another encoding; the message names the line.
    """
    data = require_file(path, dataset).read_bytes()
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DatasetError(
            f"{dataset}: {path}, line {line}: byte 0x{data[error.start] if error.start < len(data) else 0:02x} is not "
            f"{encoding.removesuffix('-sig').upper()}; save the file as UTF-8"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DatasetError(f"{dataset}: {path}, line {line}: a zero byte; expected a text file in UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _scan(folder: Path) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DatasetError(
            f"cannot list {folder}: {error.strerror}; expected a readable folder (check permissions and links)"
        ) from None


def _is_file(entry: os.DirEntry[str]) -> bool:
    if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - a million entries
        raise DatasetError(
            f"{entry.path} is a symbolic link that leads nowhere, or to itself; restore its target"
        )
    return entry.is_file()


def _is_dir(entry: os.DirEntry[str]) -> bool:
    # a link to a folder that contains the link would be walked for ever, or read twice
    if not entry.is_symlink():
        return entry.is_dir()
    target, here = os.path.realpath(entry.path), os.path.realpath(os.path.dirname(entry.path))  # noqa: PTH120
    if here == target or here.startswith(target + os.sep) or not os.path.exists(entry.path):  # noqa: PTH110
        raise DatasetError(
            f"{entry.path} is a symbolic link that leads to {target}, which is missing or contains the link itself; "
            "remove it or point it at the data"
        )
    return entry.is_dir()


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() in _ARCHIVES


def _describe(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} does not exist"
    names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
    if not names:
        return f"{folder} is empty"
    archives = [name for name in names if _is_archive(Path(name))]
    found = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"found {found}" + (f" (unpack {', '.join(archives[:3])} first)" if archives else "")
