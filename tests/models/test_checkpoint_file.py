"""Files of weights: whole, wrapped, damaged, and dangerous."""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from videoreid.errors import WeightsError
from videoreid.models.checkpoint_file import read_state_dict, unwrap_state_dict

STATE = {"conv.weight": torch.arange(2000.0).view(2, 1000), "conv.bias": torch.ones(2)}


class Program:
    """What a malicious checkpoint holds: opening it calls a function of its author's choice."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.target),)


def assert_is_state(state: dict[str, torch.Tensor]) -> None:
    assert list(state) == list(STATE)
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "net"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.module."])
def test_wrappers_are_taken_off(tmp_path: Path, new_format: bool, wrapper: str | None, prefix: str) -> None:
    state = {prefix + name: tensor for name, tensor in STATE.items()}
    content = state if wrapper is None else {wrapper: state, "epoch": 3, "optimizer": {"state": {}}}
    path = tmp_path / "net.pth.tar"
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    assert_is_state(read_state_dict(path))


def test_a_prefix_that_only_some_entries_have_stays() -> None:
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert unwrap_state_dict(state, "it") == state


def test_scores_beside_the_weights_are_data(tmp_path: Path) -> None:
    scores = {"rank1": np.float32(0.5), "mAP": np.float64(0.4), "cmc": np.ones(3), "epoch": np.int64(3)}
    torch.save({"state_dict": STATE, **scores}, tmp_path / "net.pth")
    assert_is_state(read_state_dict(tmp_path / "net.pth"))


def test_strings_of_python_2(tmp_path: Path) -> None:
    """Rewrite the pickle so that it holds a byte string that is no UTF-8, as Python 2 wrote them."""
    torch.save(STATE, tmp_path / "new.pth")
    with (
        zipfile.ZipFile(tmp_path / "new.pth") as source,
        zipfile.ZipFile(tmp_path / "old.pth", "w") as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("data.pkl"):
                start = data.index(b"(") + 1  # the items of the outermost dict
                data = data[:start] + b"U\x04noteU\x01\xe9" + data[start:]
            target.writestr(name, data)
    assert_is_state(read_state_dict(tmp_path / "old.pth"))


def test_safetensors(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "net.safetensors")
    state = read_state_dict(tmp_path / "net.safetensors")
    assert_is_state({name: state[name] for name in STATE})
    data = (tmp_path / "net.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        read_state_dict(tmp_path / "cut.safetensors")


@pytest.mark.parametrize("new_format", [True, False])
def test_truncated(tmp_path: Path, new_format: bool) -> None:
    path = tmp_path / "net.pth"
    torch.save(STATE, path, _use_new_zipfile_serialization=new_format)
    data = path.read_bytes()
    for part in (0.01, 0.5, 0.99):
        path.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(WeightsError, match=r"truncated|damaged"):
            read_state_dict(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Google Drive - Quota exceeded</html>", "web page.*quota.*browser"),
        (b"no checkpoint at all", "is not a PyTorch checkpoint, or|truncated or not"),
        (bytes(range(256)), "is not a PyTorch checkpoint, or|truncated or not"),
    ],
)
def test_other_content(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "net.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_state_dict(tmp_path / "net.pth")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights at"):
        read_state_dict(tmp_path / "net.pth")


@pytest.mark.parametrize("protocol", [None, 2, 4])
def test_code_is_refused_and_not_run(tmp_path: Path, protocol: int | None) -> None:
    path, trace = tmp_path / "net.pth", tmp_path / "trace"
    if protocol is None:
        torch.save({"state_dict": STATE, "extra": Program(trace)}, path)
    else:
        path.write_bytes(pickle.dumps({"state_dict": {}, "extra": Program(trace)}, protocol))
    with pytest.raises(
        WeightsError, match=r"pickle with code: it asks to call (posix|nt)\.mkdir.*refused.*trust"
    ):
        read_state_dict(path)
    assert not trace.exists()


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(1, 1), tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read_state_dict(tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [(torch.ones(1), "holds a Tensor"), ({"epoch": 3}, "no tensors; its keys are: epoch"), ({}, "nothing")],
)
def test_no_parameters(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=message):
        read_state_dict(tmp_path / "net.pth")
