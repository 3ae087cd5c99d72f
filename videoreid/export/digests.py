"""Checksums of network files whose weights lie in a second file."""

import hashlib
import mmap
import os
import re
from pathlib import Path

from videoreid.utils.files import sha256_of

__all__ = ["files_digest"]

# the entry "location" of a tensor's external data in ONNX's protobuf, and the length of the name that follows
_LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])")


def files_digest(path: str | os.PathLike[str]) -> str:
    """Return a SHA-256 over a network file and the files beside it that hold its weights.

    OpenVINO keeps weights in a ``.bin`` file of the same name; ONNX files of more than 2 GiB, and those that exporters
    split, name other files. Equal graphs with different weights must not look like one network.

    Args:
        path: any file with weights; only ``.onnx`` and ``.xml`` can have others.

    Returns:
        64 hexadecimal digits; for a file without others, its own SHA-256.
    """
    path = Path(path).expanduser()
    others = {".onnx": _weights_of_onnx, ".xml": lambda graph: [graph.with_suffix(".bin")]}
    found = [other for other in others.get(path.suffix, lambda _: [])(path) if other.is_file()]
    if not found:
        return sha256_of(path)
    return hashlib.sha256("".join(map(sha256_of, (path, *found))).encode()).hexdigest()


def _weights_of_onnx(path: Path) -> list[Path]:
    """Return the files that an ONNX file names as external data, sorted; names outside its folder are left out."""
    names: set[str] = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for match in _LOCATION.finditer(data):
            name = data[match.end() : match.end() + match[1][0]]
            names.add(name.decode("utf-8", "replace"))
    folder = path.parent.resolve()
    places = [(folder / name).resolve() for name in sorted(names) if "\0" not in name]
    return [place for place in places if place.is_relative_to(folder)]
