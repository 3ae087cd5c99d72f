"""Numeric variables of MATLAB 7.3 files, which are HDF5, read in a child process.

HDF5 can loop for ever, or stop its process, on a damaged file, and these files have no checksum.
"""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from videoreid.errors import DatasetError

__all__ = ["read_mat73"]

_SECONDS = 120
_MOST_BYTES = 4 << 30

# a separate program with few imports: the library would load PyTorch into a process that runs for half a second
_READER = """
import json, math, os, sys
path, name, search, most = json.loads(sys.stdin.read())
sys.path[:] = search
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
except (ImportError, ValueError, OSError):
    pass
import h5py
import numpy as np
try:
    with h5py.File(path, "r") as file:
        names = sorted(key for key in file if not key.startswith("#"))
        if name not in names:
            sys.exit("it has no variable " + repr(name) + "; it holds " + (", ".join(names) or "nothing"))
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            sys.exit(name + " is a link, perhaps to another file; links are not followed")
        data = file[name]
        if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual or data.dtype.kind not in "iuf":
            sys.exit(name + " is not a table of numbers in this file")
        if math.prod(data.shape) * data.dtype.itemsize > 1032 * os.path.getsize(path):
            sys.exit(name + " declares more bytes than the file can hold")
        values = np.asarray(data[()])
except Exception as error:
    sys.exit(" ".join(str(error).split()) or type(error).__name__)
np.save(sys.stdout.buffer, values.T, allow_pickle=False)
"""


def read_mat73(path: Path, variable: str, dataset: str) -> np.ndarray:
    """Return a numeric variable, an array of any shape, in MATLAB's orientation.

    Args:
        path: the file.
        variable: its name.
        dataset: name used in messages.

    Raises:
        DatasetError: the file is damaged, does not hold the variable, or reading it does not end.
    """
    request = json.dumps([str(path), variable, sys.path, _MOST_BYTES])
    try:
        done = subprocess.run(
            [sys.executable, "-S", "-c", _READER],
            input=request.encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DatasetError(
            f"{dataset}: {path} is damaged: reading it did not end in {_SECONDS} seconds"
        ) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"HDF5 stopped with status {done.returncode}"
        raise DatasetError(f"{dataset}: {path} is not a readable .mat file: {reason}")
    return np.load(io.BytesIO(done.stdout), allow_pickle=False)
