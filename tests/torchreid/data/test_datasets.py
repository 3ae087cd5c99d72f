"""torchreid's dataset classes and words: items as dictionaries, opening by name."""

import numpy as np
import pytest
import torch
from PIL import Image

from videoreid import torchreid
from videoreid.data.datasets.synthetic import write_market1501, write_mars
from videoreid.errors import ConfigError, DatasetError


@pytest.fixture
def pictures(tmp_path):
    """Nine pictures whose grey value is ten times their number."""
    paths = [str(tmp_path / f"{number}.png") for number in range(9)]
    for number, path in enumerate(paths):
        Image.new("RGB", (4, 8), (10 * number,) * 3).save(path)
    return paths


def test_an_image_dataset_gives_dictionaries(pictures, capsys):
    train = [(pictures[0], 0, 0), (pictures[1], 1, 2, 7)]
    query, gallery = [[pictures[2], 5, 0]], [(pictures[3], 5, 1), (pictures[4], 6, 1)]
    data = torchreid.data.ImageDataset(train, query, gallery, unused=True)
    assert data.train == [(pictures[0], 0, 0, 0), (pictures[1], 1, 2, 7)]
    assert (data.num_train_pids, data.num_train_cams, len(data)) == (2, 2, 2)
    item = data[1]
    assert np.asarray(item.pop("img")).max() == 10
    assert item == {"pid": 1, "camid": 2, "impath": pictures[1], "dsetid": 7}
    _, test = torchreid.data.transforms.build_transforms(16, 8)
    data = torchreid.data.ImageDataset(train, query, gallery, transform=test, mode="gallery")
    assert len(data) == 2
    assert data[0]["img"].shape == (3, 16, 8)
    assert data[0]["pid"] == 5
    data.show_summary()
    assert "gallery  ids      2  entries        2  cameras    1" in capsys.readouterr().out
    data.check_before_run(pictures)
    with pytest.raises(DatasetError, match=r"nowhere does not exist; check root"):
        data.check_before_run("nowhere")
    with pytest.raises(ConfigError, match="unknown mode 'test'"):
        torchreid.data.ImageDataset(train, query, gallery, mode="test")


def test_a_video_dataset_gives_clips(pictures):
    _, test = torchreid.data.transforms.build_transforms(8, 4, norm_mean=[0.0] * 3, norm_std=[1.0] * 3)
    data = torchreid.data.VideoDataset([(tuple(pictures), 3, 1)], [], [], seq_len=3, transform=test)
    item = data[0]
    assert item["img"].shape == (3, 3, 8, 4)
    rows = torchreid.data.dataset.sample_indices("evenly", 9, 3, np.random.default_rng(0))[0]
    assert torch.allclose(item["img"][:, 0, 0, 0] * 255, torch.tensor(rows * 10.0).float(), atol=1e-3)
    assert (item["pid"], item["camid"], item["dsetid"]) == (3, 1, 0)
    plain = torchreid.data.VideoDataset([(tuple(pictures), 3, 1)], [], [], seq_len=3)
    assert [np.asarray(frame).max() for frame in plain[0]["img"]] == (rows * 10).tolist()


def test_opening_by_name(tmp_path):
    write_market1501(tmp_path / "market1501", images=2, identities=4, frames=4)
    write_mars(tmp_path / "mars", identities=4, frames=4)
    data = torchreid.data.datasets.init_image_dataset("market1501", root=str(tmp_path), mode="query")
    manager = torchreid.data.ImageDataManager(
        str(tmp_path), "market1501", height=16, width=8, batch_size_train=2, workers=0
    )
    assert data.num_train_pids == manager.num_train_pids
    assert [entry[0] for entry in data.query] == [
        t.frames[0] for t in manager.test_dataset["market1501"]["query"]
    ]
    assert data[0]["impath"] == data.query[0][0]
    assert manager.train_domains == (0,) * len(data.train)
    video = torchreid.data.datasets.init_video_dataset("mars", root=str(tmp_path), seq_len=2)
    assert len(video[0]["img"]) == 2
    assert video.num_train_pids > 0
    with pytest.raises(ConfigError, match="mars is a video dataset: use init_video_dataset"):
        torchreid.data.datasets.init_image_dataset("mars", root=str(tmp_path))
