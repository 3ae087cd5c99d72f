from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from videoreid.data.datasets import DATASETS, build_dataset
from videoreid.errors import ConfigError, DatasetError
from videoreid.torchreid.data import (
    ImageDataset,
    VideoDataset,
    register_image_dataset,
    register_video_dataset,
)
from videoreid.types import Splits, Tracklet


@pytest.fixture(autouse=True)
def forget_names() -> Iterator[None]:
    before = dict(DATASETS._entries)
    yield
    DATASETS._entries.clear()
    DATASETS._entries.update(before)


class Own(VideoDataset):
    """As a torchreid user writes it."""

    dataset_dir = "own"

    def __init__(self, root: str = "", split_id: int = 0, **kwargs: Any) -> None:
        self.root = root
        self.check_before_run([root])
        train = [(("a1.jpg", "a2.jpg"), 40, 0), (["b1.jpg"], 7, 1, 0)]
        query = [((f"q{split_id}.jpg",), 3, 0)]
        gallery = [(("g.jpg",), 3, 1)]
        super().__init__(train, query, gallery, **kwargs)


def test_a_torchreid_class_becomes_a_dataset(tmp_path: Path) -> None:
    register_video_dataset("own", Own)
    splits = build_dataset("own", tmp_path, split_id=4, transform=None)
    assert [(t.frames, t.pid, t.camid) for t in splits.train] == [
        (("a1.jpg", "a2.jpg"), 1, 0),
        (("b1.jpg",), 0, 1),
    ]
    assert splits.query[0].frames == ("q4.jpg",)
    assert splits.protocol == "cross_camera"


def test_an_image_class_has_single_paths() -> None:
    class Pictures(ImageDataset):
        def __init__(self, root: str = "") -> None:
            super().__init__([("a.jpg", 1, 0)], [(Path("q.jpg"), 2, -1)], [("g.jpg", 2, -1)])

    register_image_dataset("pictures", Pictures)
    splits = build_dataset("pictures", split_id=0)  # an option that the class does not take is left out
    assert splits.train[0].frames == ("a.jpg",)
    assert splits.query[0].frames == ("q.jpg",)
    assert splits.protocol == "no_cameras"


def test_a_function_may_return_splits() -> None:
    own = Splits("own", (Tracklet(["a"], 0, 0),))
    register_video_dataset("function", lambda root: own)
    assert build_dataset("function") is own


def test_a_taken_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="'mars' is registered already"):
        register_video_dataset("mars", Own)


@pytest.mark.parametrize("entry", [("a.jpg", 1), ("a.jpg", "x", 0), 5, (["a.jpg"], 1, None)])
def test_a_malformed_entry_is_named(entry: object) -> None:
    register_video_dataset("bad", lambda root: VideoDataset([(["a.jpg"], 1, 0), entry], [], []))  # type: ignore[list-item]
    with pytest.raises(DatasetError, match=r"bad: entry 1 of train is .* expected \(paths, pid, camid\)"):
        build_dataset("bad")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    register_video_dataset("own", Own)
    with pytest.raises(DatasetError, match=r"Own: .*nowhere does not exist"):
        build_dataset("own", tmp_path / "nowhere")
