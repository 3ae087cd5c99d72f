from contextlib import contextmanager

import h5py
import numpy as np
import pytest
import torch

from videoreid.errors import DatasetError, ProtocolError
from videoreid.retrieval import read_features, write_features
from videoreid.types import Features
from videoreid.utils.sealing import seal_file


def features_of(count, seed=0, dtype=torch.float32):
    rng = np.random.default_rng(seed)
    embeddings = torch.from_numpy(rng.normal(size=(count, 5))).to(dtype)
    return Features(embeddings, rng.integers(-1, 9, count), rng.integers(0, 3, count), rng.random(count))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_what_is_written_is_read(tmp_path, dtype):
    query, gallery = features_of(3, dtype=dtype), features_of(8, seed=1, dtype=dtype)
    details = {"frames": "all", "flip": "no"}
    path = tmp_path / "deep" / "features.h5"
    write_features(
        path, query, gallery, model="osnet", dataset="mars", protocol="mars_official", details=details
    )
    stored = read_features(path)
    assert (stored.model, stored.dataset, stored.protocol) == ("osnet", "mars", "mars_official")
    assert stored.details == details
    for before, after in ((query, stored.query), (gallery, stored.gallery)):
        assert after.embeddings.dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)
        torch.testing.assert_close(after.embeddings.float(), before.embeddings.float(), rtol=0, atol=0)
        for name in ("pids", "camids", "times", "end_times"):
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert [entry.name for entry in path.parent.iterdir()] == ["features.h5"]


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "features.h5"
    write_features(path, features_of(3), features_of(4))
    before = path.read_bytes()

    class Unwritable(dict):
        def items(self):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        write_features(path, features_of(2), features_of(2), details=Unwritable(a="b"))
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_bad_files(tmp_path):
    with pytest.raises(DatasetError, match="no feature file"):
        read_features(tmp_path / "absent.h5")
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    with pytest.raises(DatasetError, match="no checksum at its end"):
        read_features(text)
    with h5py.File(tmp_path / "other.h5", "w"):
        pass
    seal_file(tmp_path / "other.h5")
    with pytest.raises(DatasetError, match="not a feature file of this version"):
        read_features(tmp_path / "other.h5")
    path = tmp_path / "features.h5"
    write_features(path, features_of(3), features_of(4))
    with changed(path) as file:
        file["query/embeddings"][1, 2] = np.nan
    with pytest.raises(ProtocolError, match=r"first at \[1\]"):
        read_features(path)
    with changed(path) as file:
        del file["gallery/camids"]
        file["query/embeddings"][1, 2] = 0
    with pytest.raises(DatasetError, match="lacks gallery/camids"):
        read_features(path)
    with changed(path) as file:
        file.attrs["version"] = 99
    with pytest.raises(DatasetError, match="'videoreid features', '99'"):
        read_features(path)


@contextmanager
def changed(path):
    """Change a feature file with a seal that is right: what a seal cannot see."""
    with h5py.File(path, "a") as file:
        yield file
    seal_file(path)


def test_one_bit_anywhere_is_refused(tmp_path):
    path = tmp_path / "features.h5"
    write_features(path, features_of(3), features_of(4), model="osnet", details={"flip": "no"})
    sound = path.read_bytes()
    for place in (*range(0, len(sound), 101), *range(len(sound) - 70, len(sound), 3)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ (1 << place % 8)]) + sound[place + 1 :])
        with pytest.raises(DatasetError):
            read_features(path)
    for length in (0, 10, len(sound) // 2, len(sound) - 1):
        path.write_bytes(sound[:length])
        with pytest.raises(DatasetError):
            read_features(path)


def test_other_files_are_not_read(tmp_path):
    """External storage and links would make the bytes of another file into people."""
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(24)))
    path = tmp_path / "features.h5"
    for kind in ("external", "link", "virtual", "huge", "soft"):
        path.unlink(missing_ok=True)
        write_features(path, features_of(3), features_of(4))
        with changed(path) as file:
            del file["query/pids"]
            if kind == "external":
                file.create_dataset("query/pids", (3,), "i8", external=[(str(secret), 0, 24)])
            elif kind == "link":
                file["query/pids"] = h5py.ExternalLink(str(tmp_path / "b.h5"), "pids")
            elif kind == "soft":
                file["query/pids"] = h5py.SoftLink("/gallery/pids")
            elif kind == "huge":
                file.create_dataset("query/pids", (1 << 40,), "i8", chunks=(1 << 16,), compression="gzip")
            else:
                layout = h5py.VirtualLayout((3,), "i8")
                layout[:] = h5py.VirtualSource(str(tmp_path / "b.h5"), "pids", (3,))
                file.create_virtual_dataset("query/pids", layout)
        with pytest.raises(DatasetError, match=r"link|stored in another file|more than the file can hold"):
            read_features(path)
