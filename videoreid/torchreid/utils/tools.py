"""torchreid's small tools: files, pictures, seeds, environment."""

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from videoreid._version import __version__
from videoreid.data.decoding import decode_frame, read_bytes
from videoreid.errors import ConfigError
from videoreid.utils import atomic_path, atomic_write_text, fetch, get_logger, seed_everything

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "check_isfile",
    "collect_env_info",
    "download_url",
    "listdir_nohidden",
    "mkdir_if_missing",
    "read_image",
    "read_json",
    "set_random_seed",
    "write_json",
]


def mkdir_if_missing(dirname: str | Path) -> None:
    """Make a folder and its parents if they do not exist."""
    Path(dirname).mkdir(parents=True, exist_ok=True)


def check_isfile(fpath: str | Path) -> bool:
    """Return whether a file exists; log a warning if it does not."""
    found = Path(fpath).is_file()
    if not found:
        get_logger("torchreid").warning("no file found at %s", fpath)
    return found


def read_json(fpath: str | Path) -> Any:
    """Read a JSON file."""
    return json.loads(Path(fpath).read_text(encoding="utf-8"))


def write_json(obj: Any, fpath: str | Path) -> None:
    """Write a JSON file through a temporary file."""
    Path(fpath).parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(Path(fpath), json.dumps(obj, indent=4, separators=(",", ": ")))


def set_random_seed(seed: int) -> None:
    """Seed Python, NumPy and PyTorch."""
    seed_everything(seed)


def read_image(path: str | Path) -> "Image":
    """Read a picture as a PIL image in RGB.

    Raises:
        FrameError: it is missing or damaged.
    """
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(decode_frame(read_bytes(path), str(path))))


def download_url(url: str, dst: str | Path) -> None:
    """Download a file with the checked download of this library to ``dst``, unless ``dst`` exists.

    Raises:
        ConfigError: not an https address.
        WeightsError: it cannot be fetched, or the network is forbidden.
    """
    target = Path(dst)
    if target.is_file():
        return
    if not url.startswith("https://"):
        raise ConfigError(f"{url!r} is not an https:// address")
    source = fetch(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        Path(temporary).write_bytes(source.read_bytes())


def listdir_nohidden(path: str | Path, sort: bool = False) -> list[str]:  # noqa: FBT001, FBT002 - torchreid's
    """Return the names in a folder that do not begin with a dot."""
    names = [entry.name for entry in Path(path).iterdir() if not entry.name.startswith(".")]
    return sorted(names) if sort else names


def collect_env_info() -> str:
    """Return the versions and devices that a bug report needs, as text."""
    devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    lines = {
        "videoreid": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "CUDA": torch.version.cuda or "none",
        "devices": ", ".join(devices) or "CPU",
    }
    return "\n".join(f"{name}: {value}" for name, value in lines.items())
