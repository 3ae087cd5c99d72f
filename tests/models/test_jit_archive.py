"""TorchScript archives, as OpenAI publishes CLIP: read for their tensors, never run."""

import io
import pickle
import warnings
import zipfile

import pytest
import torch
from torch import nn

from videoreid.errors import WeightsError
from videoreid.models import build_model, load_weights
from videoreid.models.checkpoint_file import read_state_dict
from videoreid.models.jit_archive import is_jit_archive


class Tower(nn.Module):
    """CLIP's shape in little: two encoders, a scale, and attributes that are no parameters."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        small = {"backbone": "vit_ti_16", "height": 32, "width": 32}
        self.visual = build_model("clipreid_vit_b16", 5, **small).image_encoder
        self.logit_scale = nn.Parameter(torch.ones([]))
        self.ln_final = nn.LayerNorm(4)
        self.names = ["text"]

    def forward(self, images):
        return self.visual(images)[2] * self.logit_scale


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("jit") / "clip.pt"
    tower = Tower().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather export
        torch.jit.save(torch.jit.trace(tower, torch.randn(1, 3, 32, 32)).half(), path)
    return path, tower.half().state_dict()


def test_tensors_come_out_as_they_are_stored(archive):
    path, state = archive
    assert is_jit_archive(path)
    read = read_state_dict(path)
    assert set(read) == set(state)
    for name, value in state.items():
        assert read[name].dtype == torch.float16
        assert torch.equal(read[name], value)


def test_a_half_precision_archive_fills_a_network_in_single_precision(archive):
    path, state = archive
    model = build_model("clipreid_vit_b16", 5, backbone="vit_ti_16", height=64, width=32)
    report = load_weights(model, path)
    assert not report.missing
    assert not report.unexpected
    assert model.image_encoder.proj.dtype == torch.float32
    assert torch.equal(model.image_encoder.proj, state["visual.proj"].float())


def test_an_ordinary_checkpoint_is_none(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "plain.pth")
    assert not is_jit_archive(tmp_path / "plain.pth")
    (tmp_path / "text").write_text("no archive")
    assert not is_jit_archive(tmp_path / "text")


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def rewrite(source, target, table):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, table if name.endswith("/data.pkl") else old.read(name))


def test_code_is_refused_and_not_run(archive, tmp_path):
    path, _ = archive
    rewrite(path, tmp_path / "evil.pt", pickle.dumps(Touch(tmp_path / "made"), protocol=2))
    with pytest.raises(WeightsError, match=r"asks to call \w+\.open when it is opened, and was refused"):
        read_state_dict(tmp_path / "evil.pt")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "torch.load", "torch.jit._pickle.__import__"])
def test_nothing_but_data_is_known(archive, tmp_path, name):
    path, _ = archive
    module, _, function = name.rpartition(".")
    table = f"\x80\x02c{module}\n{function}\nX\x02\x00\x00\x00ls\x85R.".encode("latin1")
    rewrite(path, tmp_path / "evil.pt", table)
    with pytest.raises(WeightsError, match="was refused"):
        read_state_dict(tmp_path / "evil.pt")


@pytest.mark.parametrize("damage", ["cut", "garbage", "storage", "empty"])
def test_damaged_archives(archive, tmp_path, damage):
    path, _ = archive
    broken = tmp_path / "broken.pt"
    if damage == "cut":
        broken.write_bytes(path.read_bytes()[:-2000])
    elif damage == "garbage":
        rewrite(path, broken, b"\x80\x02garbage")
    elif damage == "empty":
        rewrite(path, broken, pickle.dumps({}, protocol=2))
    else:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(broken, "w") as new:
            for name in old.namelist():
                if not name.endswith("/data/3"):
                    new.writestr(name, old.read(name))
    with pytest.raises(WeightsError):
        read_state_dict(broken)


def test_offsets_outside_the_file_are_refused(archive, tmp_path):
    """A tensor that claims more than its storage must not read foreign memory."""
    path, _ = archive
    buffer = io.BytesIO()

    class Table(pickle.Pickler):
        def persistent_id(self, value):
            return value.parts if isinstance(value, Storage) else None

    class Storage:
        parts = ("storage", torch.HalfStorage, "0", "cpu", 1)

    class Fake:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), 10**9, (10**6,), (1,), False, {})

    Table(buffer, protocol=2).dump(Fake())
    rewrite(path, tmp_path / "evil.pt", buffer.getvalue())
    with pytest.raises(WeightsError, match="damaged TorchScript archive"):
        read_state_dict(tmp_path / "evil.pt")


def test_one_number_is_not_made_many(archive, tmp_path):
    """Strides of 0 would ask for a terabyte."""
    path, _ = archive
    buffer = io.BytesIO()

    class Table(pickle.Pickler):
        def persistent_id(self, value):
            return value.parts if isinstance(value, Storage) else None

    class Storage:
        parts = ("storage", torch.HalfStorage, "0", "cpu", 1)

    class Fake:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), 0, (10**12,), (0,), False, {})

    Table(buffer, protocol=2).dump(Fake())
    rewrite(path, tmp_path / "evil.pt", buffer.getvalue())
    with pytest.raises(WeightsError, match="damaged TorchScript archive"):
        read_state_dict(tmp_path / "evil.pt")


@pytest.mark.parametrize("part", ["/data.pkl", "/data/0"])
def test_compressed_tables_and_tensors_are_refused(archive, tmp_path, part):
    path, _ = archive
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "bomb.pt", "w") as new:
        for name in old.namelist():
            how = zipfile.ZIP_DEFLATED if name.endswith(part) else zipfile.ZIP_STORED
            new.writestr(name, old.read(name), compress_type=how)
    with pytest.raises(WeightsError, match=r"is compressed, which torch\.jit\.save never does"):
        read_state_dict(tmp_path / "bomb.pt")


@pytest.mark.parametrize("flags", [0x0800, 0xFFFF])
def test_a_zip_whose_directory_is_damaged_ends_in_the_librarys_error(tmp_path, flags):
    """Names that are no UTF-8, versions and flags that zipfile does not know: it raises unrelated types for them."""
    path = tmp_path / "w.pth"
    torch.save({"a": torch.ones(1)}, path)
    content = bytearray(path.read_bytes())
    entry = content.find(b"PK\x01\x02")
    content[entry + 8 : entry + 10] = flags.to_bytes(2, "little")  # 0x0800: the name is UTF-8
    content[entry + 46] = 0xFF
    path.write_bytes(content)
    assert not is_jit_archive(path)
    with pytest.raises(WeightsError, match=r"w\.pth is truncated or damaged"):
        read_state_dict(path)


def test_a_zip_in_several_parts_ends_in_the_librarys_error(tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"a": torch.ones(1)}, path)
    content = bytearray(path.read_bytes())
    end = content.rfind(b"PK\x06\x07")  # where the 64-bit end of the directory is: it counts the disks
    content[end + 16] = 2
    path.write_bytes(content)
    assert not is_jit_archive(path)
    with pytest.raises(WeightsError, match=r"w\.pth is truncated or damaged"):
        read_state_dict(path)
