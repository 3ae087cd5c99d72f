import subprocess
import sys

import pytest

from videoreid.utils.allocation import reuse_freed_memory

SCRIPT = """
import resource, sys
import torch
from videoreid.utils.allocation import reuse_freed_memory

torch.set_num_threads(1)
accepted = reuse_freed_memory() if sys.argv[1] == "reuse" else None
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for step in range(12):
    if step == 2:
        before = faults()
    tensors = [torch.ones(12 << 20) for _ in range(3)]  # 48 MiB each
    assert all(tensor[::4096].sum() == 3072 for tensor in tensors)
    del tensors
print(accepted, faults() - before)
"""


def page_faults(how: str) -> tuple[str, int]:
    command = [sys.executable, "-c", SCRIPT, how]
    accepted, faults = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return accepted, int(faults)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="an allocator of Linux")
def test_freed_memory_is_used_again() -> None:
    _, usual = page_faults("usual")
    accepted, reused = page_faults("reuse")
    if accepted == "False":
        pytest.skip("not glibc")
    # ten steps of 144 MiB are 368,640 pages of 4 KiB, or 720 of 2 MiB
    assert reused * 10 < usual


def test_other_systems_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert reuse_freed_memory() is False
