"""Reuse of freed memory by the allocator of the C library."""

import ctypes
import sys

__all__ = ["reuse_freed_memory"]

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # numbers of glibc's malloc.h
_KEPT = 2**31 - 1  # bytes; the largest value of mallopt's int
_GROWTH = 64 << 20  # bytes that are requested from the system at a time


def reuse_freed_memory() -> bool:
    """Let this process keep freed memory for later tensors; call it once, before training on a CPU.

    By default glibc returns large blocks to the system when they are freed. The next tensor then gets new pages, which
    the system clears one by one. Afterwards, up to 2 GiB of freed memory stay with the process. Only speed changes;
    docs/training.md says how much. PyTorch's memory on a GPU has its own allocator.

    Returns:
        Whether the C library accepted it: True with glibc (most Linux systems), False elsewhere, where nothing changes.

    Reference: mallopt(3), M_MMAP_MAX and M_TRIM_THRESHOLD.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "gnu_get_libc_version")):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEPT), (_M_TOP_PAD, _GROWTH))
    # all three are set, whatever the first answers
    answers = [library.mallopt(name, value) for name, value in settings]
    return answers == [1, 1, 1]
