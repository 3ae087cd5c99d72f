"""Read the tensors of a TorchScript archive without running its code."""

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from videoreid.errors import WeightsError

__all__ = ["is_jit_archive", "read_jit_archive"]

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class _Module:
    """Placeholder for a module of the archive; it only holds the attributes."""

    def __init__(self, *_: Any) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = dict(state) if isinstance(state, dict) else {}


def is_jit_archive(path: Path) -> bool:
    """Return whether a file is an archive of ``torch.jit.save``, as OpenAI publishes CLIP."""
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/", 1)[-1] == "constants.pkl" for name in archive.namelist())
    except Exception:  # zipfile raises several unrelated types; the caller's next check reports the damage
        return False


def read_jit_archive(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a TorchScript archive onto the CPU, in the types it is stored in.

    `torch.jit.load` compiles the code of the archive and may run it. This function reads only the table of attributes,
    with an unpickler that can build tensors, containers and placeholders for modules.

    Raises:
        WeightsError: a damaged archive, an archive that needs any other type, or an archive without tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            table = next(name for name in archive.namelist() if name.split("/", 1)[-1] == "data.pkl")
            _refuse_compressed(archive, table)
            with archive.open(table) as file:
                root = _AttributeUnpickler(file, archive, table.removesuffix("data.pkl"), path).load()
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle raises many unrelated types
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(
            f"{path} is a damaged TorchScript archive ({reason}); download it again"
        ) from error
    tensors: dict[str, Tensor] = {}
    _collect(root, "", tensors)
    if not tensors:
        raise WeightsError(f"{path} is a TorchScript archive without tensors")
    return tensors


def _collect(module: Any, prefix: str, tensors: dict[str, Tensor]) -> None:
    if not isinstance(module, _Module):
        return
    for name, value in module.attributes.items():
        if isinstance(value, Tensor):
            tensors[prefix + name] = value
        else:
            _collect(value, f"{prefix}{name}.", tensors)


class _AttributeUnpickler(pickle.Unpickler):
    """An unpickler for the attribute table of a TorchScript archive; it refuses all other types."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str, path: Path) -> None:
        super().__init__(file)
        self._archive, self._folder, self._path = archive, folder, path

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "__torch__":
            return _Module
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
        }
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch.jit._pickle" and name.startswith(("build_", "restore_type_tag")):
            return _first_argument  # lists of numbers and of tensors
        raise WeightsError(
            f"{self._path} is a TorchScript archive with code: it asks to call {module}.{name} when it is opened, and "
            "was refused. Take the archive from its publisher"
        )

    def persistent_load(self, pid: Any) -> Tensor:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError(f"unknown entry {kind!r}")
        record = f"{self._folder}data/{key}"
        _refuse_compressed(self._archive, record)
        content = self._archive.read(record)
        if not content:
            return torch.empty(0, dtype=dtype)
        return torch.frombuffer(bytearray(content), dtype=dtype)[: int(count)]


def _refuse_compressed(archive: zipfile.ZipFile, record: str) -> None:
    """Raise for a compressed table or tensor, whose size could be unlimited; `torch.jit.save` compresses only code."""
    if archive.getinfo(record).compress_type != zipfile.ZIP_STORED:
        raise pickle.UnpicklingError(f"record {record} is compressed, which torch.jit.save never does")


def _rebuild_tensor(
    storage: Tensor, offset: int, size: Sequence[int], stride: Sequence[int], *_: Any
) -> Tensor:
    # with strides of 0, one stored number could fill a tensor of any size
    if math.prod(size) > storage.numel():
        raise pickle.UnpicklingError(f"a tensor of {tuple(size)} needs more numbers than are stored")
    return torch.as_strided(storage, tuple(size), tuple(stride), offset).clone()


def _rebuild_parameter(data: Tensor, *_: Any) -> Tensor:
    return data


def _first_argument(value: Any, *_: Any) -> Any:
    return value
