"""``import videoreid`` is silent, light and offline."""

import subprocess
import sys

LAZY = [
    "matplotlib",
    "cv2",
    "accelerate",
    "scipy.io",
    "h5py",
    "gdown",
    "tqdm.notebook",
    "optuna",
    "faiss",
    "timm",
    "pymilvus",
    "fastapi",
]


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_import_prints_nothing_and_loads_nothing_heavy() -> None:
    code = f"import sys, videoreid; print([name for name in {LAZY!r} if name in sys.modules])"
    assert run(code) == "[]\n"


def test_every_room_imports_silently_without_network_or_matplotlib() -> None:
    code = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("network use on import")
socket.socket.connect = refuse
import videoreid
for room in videoreid._ROOMS:
    getattr(videoreid, room)
assert "matplotlib" not in sys.modules
assert "accelerate" not in sys.modules
"""
    assert run(code) == ""


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    assert run("import videoreid; print(hasattr(videoreid, 'nonsense'))") == "False\n"
