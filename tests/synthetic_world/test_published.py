"""What is written in a published layout is read by loaders that know the published rules only."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import published_loaders
import pytest
import scipy.io
from published_loaders import Track

from videoreid.data.checks import verify_splits
from videoreid.data.datasets import build_dataset, build_parsing_dataset, dataset_info
from videoreid.data.datasets.synthetic import write_lip, write_market1501, write_mars
from videoreid.data.datasets.synthetic_sequences import (
    write_dukemtmcvidreid,
    write_ilidsvid,
    write_lsvid,
    write_prid2011,
)
from videoreid.errors import ConfigError, DatasetError
from videoreid.types import Tracklet

MARS_INFO = Path(__file__).parents[4] / "shared" / "data" / "mars_info"
OPTIONS = {"identities": 8, "seed": 3, "frames": 3}
WRITERS: dict[str, Callable[..., Path]] = {
    "dukemtmcvidreid": write_dukemtmcvidreid,
    "ilidsvid": write_ilidsvid,
    "lsvid": write_lsvid,
    "market1501": write_market1501,
    "mars": write_mars,
    "prid2011": write_prid2011,
}


@pytest.fixture(scope="module", params=WRITERS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    name = str(request.param)
    return name, WRITERS[name](tmp_path_factory.mktemp(name) / name, **OPTIONS)


def known(tracks: list[Track]) -> Counter[tuple[tuple[str, ...], int]]:
    return Counter((paths, camid) for paths, _, camid in tracks)


def ours(tracklets: tuple[Tracklet, ...]) -> Counter[tuple[tuple[str, ...], int]]:
    return Counter((tuple(tracklet.frames), tracklet.camid) for tracklet in tracklets)


def test_a_published_loader_and_ours_read_the_same(written: tuple[str, Path]) -> None:
    name, root = written
    parts = getattr(published_loaders, name)(root)
    splits = build_dataset(name, root)
    for part in ("train", "query", "gallery"):
        assert parts[part], f"{part} is empty"
        assert known(parts[part]) == ours(getattr(splits, part))
        # the same people are one person in both readings, whatever their numbers
        by_paths = {paths: pid for paths, pid, _ in parts[part]}
        pairs = {(by_paths[tuple(t.frames)], t.pid) for t in getattr(splits, part)}
        assert len(pairs) == len({pid for pid, _ in pairs}) == len({pid for _, pid in pairs})
        for paths, _, _ in parts[part]:
            assert all(Path(path).is_file() for path in paths)


def test_nothing_is_damaged_but_the_counts(written: tuple[str, Path]) -> None:
    name, root = written
    report = verify_splits(build_dataset(name, root), dataset_info(name), num_frames=1)
    damage = {finding.check for finding in report.findings if finding.level == "damage"}
    native = {"mars", "market1501"}  # the world keeps the resolution of its cameras there
    assert damage <= ({"counts", "sizes"} if name in native else {"counts"})


def test_the_tables_have_the_published_types(tmp_path: Path) -> None:
    root = write_mars(tmp_path / "mars", **OPTIONS)
    names = {
        "tracks_train_info": "track_train_info",
        "tracks_test_info": "track_test_info",
        "query_IDX": "query_IDX",
    }
    types = {}
    for file, variable in names.items():
        values = scipy.io.loadmat(root / "info" / f"{file}.mat")[variable]
        types[file] = (values.dtype.str, values.ndim)
        if MARS_INFO.is_dir():
            published = scipy.io.loadmat(MARS_INFO / f"{file}.mat")[variable]
            assert types[file] == (published.dtype.str, published.ndim)
    assert types == {"tracks_train_info": ("<i4", 2), "tracks_test_info": ("<i4", 2), "query_IDX": ("<u2", 2)}


def test_the_parsing_tree_is_read_by_its_lists(tmp_path: Path) -> None:
    root = write_lip(tmp_path / "lip", images=1, **OPTIONS)
    parts, dataset = published_loaders.lip(root), build_parsing_dataset("lip", root)
    for part, pairs in parts.items():
        assert pairs == [(pair.image, pair.label) for pair in getattr(dataset, part)]
        for _, label in pairs:
            grey = cv2.imread(label, cv2.IMREAD_GRAYSCALE)
            assert grey.max() < 20


def test_the_ten_splits_differ_and_are_whole(tmp_path: Path) -> None:
    for name in ("prid2011", "ilidsvid"):
        root = WRITERS[name](tmp_path / name, **OPTIONS)
        tested = set()
        for split_id in range(10):
            splits = build_dataset(name, root, split_id=split_id)
            assert {t.pid for t in splits.query} == {t.pid for t in splits.gallery}
            assert len(splits.query) == splits.num_train_pids == len(splits.train) // 2
            tested.add(tuple(t.pid for t in splits.query))
        assert len(tested) > 3
        shape = cv2.imread(splits.query[0].frames[0]).shape
        assert shape == (128, 64, 3)


def test_passers_by_are_people_of_their_own_and_queries_are_found_again(tmp_path: Path) -> None:
    root = write_dukemtmcvidreid(tmp_path / "duke", identities=8, seed=5, frames=2)
    splits = build_dataset("dukemtmcvidreid", root)
    assert min(t.pid for t in splits.gallery) > 0
    frames = {tuple(Path(f).name for f in t.frames) for t in splits.gallery}
    assert all(tuple(Path(f).name for f in t.frames) in frames for t in splits.query)
    assert np.isfinite([t.time for t in splits.gallery]).all()


def test_what_cannot_be_laid_out_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no option 'camera'"):
        write_lsvid(tmp_path / "a", camera=3)
    with pytest.raises(DatasetError, match="fewer than two people were seen by both"):
        write_prid2011(tmp_path / "b", identities=2, seed=0, cameras=6, frames=2)
    assert list(tmp_path.iterdir()) == []
