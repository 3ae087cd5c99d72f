"""Describe the environment of a run: versions, git revision, machine and device."""

import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy
import torch

from videoreid._version import __version__

__all__ = ["describe_environment", "git_revision", "installed_versions"]


def describe_environment(device: torch.device | str | None = None) -> dict[str, Any]:
    """Return versions, revision, system and device as plain values.

    Args:
        device: of the run; None means the CPU.
    """
    used = torch.device(device or "cpu")
    name = (
        torch.cuda.get_device_name(used)
        if used.type == "cuda"
        else platform.processor() or platform.machine()
    )
    return {
        "versions": installed_versions(),
        "revision": git_revision(),
        "system": f"{platform.system()} {platform.release()}",
        "device": f"{used.type}: {name}",
        "threads": torch.get_num_threads(),
    }


def installed_versions() -> dict[str, str]:
    """Return the versions that influence the results of a run."""
    return {
        "videoreid": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
    }


@cache
def git_revision() -> str | None:
    """Return the git revision of the sources, with "+changes" if files differ from it; None outside a checkout."""
    here = Path(__file__).parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here), *words], capture_output=True, text=True, timeout=10, check=True
        )
        return done.stdout.strip()

    try:
        if git("ls-files", "--error-unmatch", __file__) == "":
            return None
        return git("rev-parse", "HEAD") + (
            "+changes" if git("status", "--porcelain", "--", str(here)) else ""
        )
    except (OSError, subprocess.SubprocessError):
        return None
