import h5py
import numpy as np
import pytest
import torch

from videoreid.errors import DatasetError, ProtocolError
from videoreid.retrieval import read_features, write_features
from videoreid.types import Features


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
    with pytest.raises(DatasetError, match="not a readable HDF5 file"):
        read_features(text)
    with h5py.File(tmp_path / "other.h5", "w"):
        pass
    with pytest.raises(DatasetError, match="no feature file; expected the attribute"):
        read_features(tmp_path / "other.h5")
    path = tmp_path / "features.h5"
    write_features(path, features_of(3), features_of(4))
    with h5py.File(path, "a") as file:
        file["query/embeddings"][1, 2] = np.nan
    with pytest.raises(ProtocolError, match=r"first at \[1\]"):
        read_features(path)
    with h5py.File(path, "a") as file:
        del file["gallery/camids"]
        file["query/embeddings"][1, 2] = 0
    with pytest.raises(DatasetError, match="lacks gallery/camids"):
        read_features(path)
    with h5py.File(path, "a") as file:
        file.attrs["version"] = 99
    with pytest.raises(DatasetError, match="version 99"):
        read_features(path)
