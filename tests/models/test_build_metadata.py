"""A weights file names a network and its options; it cannot make the library fetch or open anything else."""

import json
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from videoreid.errors import WeightsError
from videoreid.models import build_model, from_pretrained, load_weights, save_pretrained
from videoreid.models.build_metadata import parse_build_arguments


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return save_pretrained(build_model("osnet_x0_25", num_classes=3), tmp_path / "net")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a network call")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)


def rewrite(file: Path, **metadata: str) -> None:
    """Write the tensors again under other metadata, as anybody can, without a checksum."""
    model = build_model("osnet_x0_25", num_classes=3)
    save_file(
        {k: v.clone() for k, v in model.state_dict().items()}, file, metadata={"format": "pt", **metadata}
    )


HOSTILE = {
    "address": {"pretrained": "http://127.0.0.1:9/osnet_x0_25_msmt17.pth"},
    "file": {"pretrained": "/etc/passwd"},
    "tag": {"pretrained": "msmt17"},
    "flag": {"pretrained": True},
    "weights": {"backbone_weights": "a.pth"},
    "path in a value": {"temporal": "../../secret"},
    "address in a value": {"temporal": "https://a.org"},
    "timm": {"timm_options": {"checkpoint_path": "a"}},
    "timm file": {"timm_options": {"img_size": 32, "pretrained_cfg": {"url": "a"}}},
    "huge": {"num_classes": 10**15},
    "not a number": {"num_classes": float("nan")},
    "odd key": {"a b": 1},
    "long": {"temporal": "x" * 500},
    "hub": {"name": "timm:hf-hub:org/net"},
    "no name": {"name": None},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_asks_for_more_than_a_network_is_refused(file: Path, kind: str) -> None:
    rewrite(file, build=json.dumps({"name": "osnet_x0_25", "num_classes": 3, **HOSTILE[kind]}))
    with pytest.raises(WeightsError, match=r"asks to build its network with|does not say how to build"):
        from_pretrained(file)


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "3", '"osnet"', "[" * 100_000, "{}", '{"name": 3}', "x" * 99_999]
)
def test_metadata_that_are_none_are_refused(file: Path, text: str) -> None:
    rewrite(file, build=text)
    with pytest.raises(WeightsError, match="its metadata are damaged"):
        from_pretrained(file)


def test_settings_that_are_no_json_are_refused(file: Path) -> None:
    rewrite(file, build=json.dumps({"name": "osnet_x0_25", "num_classes": 3}), input="{")
    with pytest.raises(WeightsError, match="its metadata are no JSON"):
        from_pretrained(file)


def test_lists_come_back_as_tuples(tmp_path: Path) -> None:
    text = json.dumps(
        {"name": "pcb", "size": [384, 128], "options": {"strides": [1, [2]]}, "neck": True, "x": None}
    )
    assert parse_build_arguments(text, tmp_path) == {
        "name": "pcb",
        "size": (384, 128),
        "options": {"strides": (1, (2,))},
        "neck": True,
        "x": None,
    }


def test_a_bit_of_a_tensor_or_of_what_is_said_of_it_is_seen(file: Path) -> None:
    sound = file.read_bytes()
    head = 8 + int.from_bytes(sound[:8], "little")
    build = sound.index(b"osnet_x0_25")
    for place in (head, head + 1001, len(sound) - 2, build + 10):
        bit = 1 if place == build + 10 else 4  # "osnet_x0_25" becomes another word
        file.write_bytes(sound[:place] + bytes([sound[place] ^ bit]) + sound[place + 1 :])
        with pytest.raises(WeightsError, match="checksum of its tensors differs"):
            load_weights(build_model("osnet_x0_25", num_classes=3), file)
    file.write_bytes(sound)
    assert torch.isfinite(from_pretrained(file)(torch.rand(1, 1, 3, 64, 32))).all()


@pytest.mark.parametrize("legacy", [False, True])
def test_damaged_checkpoints_end_in_the_librarys_error(tmp_path: Path, legacy: bool) -> None:
    """Whatever is flipped or cut: the same weights, or a WeightsError; of a zip nothing is silently another."""
    import random

    model = build_model("osnet_x0_25", num_classes=3)
    path, state = tmp_path / "w.pth", {"fc.weight": torch.arange(64.0), "fc.bias": torch.ones(3)}
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    sound, chance = path.read_bytes(), random.Random(0)
    from videoreid.models.checkpoint_file import read_state_dict

    for number in range(150):
        data = bytearray(sound)
        if number % 3 == 2:
            data = data[: chance.randrange(len(data))]
        else:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(data))
        try:
            found = read_state_dict(path)
        except WeightsError:
            continue
        if not legacy and found.keys() == state.keys():
            assert all(torch.equal(found[name], state[name]) for name in state)
    assert model is not None


def test_networks_of_timm_are_names_not_addresses() -> None:
    arguments = parse_build_arguments('{"name": "timm:resnet18", "num_classes": 3}', Path("w"))
    assert arguments == {"name": "timm:resnet18", "num_classes": 3}
    for name in ("timm:hf-hub:org/net", "timm:local-dir:/tmp", "https://a/b", "../net"):
        with pytest.raises(WeightsError):
            parse_build_arguments(json.dumps({"name": name}), Path("w"))
