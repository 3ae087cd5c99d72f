import json
from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import SHARED, picture, write_prid2011
from videoreid.data.datasets import build_dataset
from videoreid.data.datasets.prid2011 import PRID2011, prid2011
from videoreid.errors import ConfigError, DatasetError

PUBLISHED = SHARED / "data" / "prid2011" / "splits_prid2011.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_prid2011(tmp_path)
    return tmp_path


def test_camera_a_asks_and_camera_b_is_searched(root: Path) -> None:
    splits = prid2011(root, split_id=0)
    assert [(t.pid, t.camid) for t in splits.train] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert [(t.pid, t.camid) for t in splits.query] == [(7, 0), (12, 0)]
    assert [(t.pid, t.camid) for t in splits.gallery] == [(7, 1), (12, 1)]
    assert "cam_a" in splits.query[0].frames[0]
    assert "cam_b" in splits.gallery[0].frames[0]
    assert splits.name == "prid2011/split0"


def test_splits_differ_and_frames_count(root: Path) -> None:
    assert [t.pid for t in prid2011(root, split_id=1).query] == [1, 2]
    names = [path.rpartition("/")[2] for path in prid2011(root).train[0].frames]
    assert names == ["0001.png", "0002.png", "0010.png"]


@pytest.mark.parametrize("split_id", [-1, 10])
def test_a_split_that_does_not_exist_is_refused(root: Path, split_id: int) -> None:
    with pytest.raises(ConfigError, match=f"splits 0 to 9; there is no split_id {split_id}"):
        prid2011(root, split_id=split_id)


@pytest.mark.parametrize(
    "text", ["not json", "{}", '[{"train": ["a1"]}]', "[1]", '[{"train": 3, "test": ["a1"]}]']
)
def test_a_bad_split_file_is_refused(root: Path, text: str) -> None:
    (root / "splits_prid2011.json").write_text(text)
    with pytest.raises(
        (DatasetError, ConfigError), match=r"splits_prid2011\.json is not a list|no split_id 0"
    ):
        prid2011(root)


def test_a_missing_split_file_is_named(root: Path) -> None:
    (root / "splits_prid2011.json").unlink()
    with pytest.raises(DatasetError, match=r"lacks splits_prid2011.json .found prid_2011/"):
        prid2011(root)


def test_missing_images_are_named(root: Path) -> None:
    (root / "prid_2011").rename(root / "elsewhere")
    with pytest.raises(DatasetError, match=r"neither .*multi_shot nor .*multi_shot exists"):
        prid2011(root)


def test_a_person_without_a_folder_is_named(root: Path) -> None:
    (root / "prid_2011" / "multi_shot" / "cam_b" / "person_0007").rename(root / "person_0007")
    with pytest.raises(DatasetError, match=r"1 people without a folder in .*cam_b, the first is person_0007"):
        prid2011(root)


def test_a_person_in_both_halves_is_refused(root: Path) -> None:
    path = root / "splits_prid2011.json"
    splits = json.loads(path.read_text())
    splits[0]["test"].append(splits[0]["train"][0])
    path.write_text(json.dumps(splits))
    with pytest.raises(DatasetError, match="names a person twice, such as person_0001"):
        prid2011(root)


def test_a_person_without_a_number_is_refused(root: Path) -> None:
    for camera in ("cam_a", "cam_b"):
        picture(root / "prid_2011" / "multi_shot" / camera / "somebody" / "1.png")
    (root / "splits_prid2011.json").write_text('[{"train": ["somebody"], "test": ["person_0001"]}]')
    with pytest.raises(DatasetError, match="folder 'somebody' has no person number"):
        prid2011(root)


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published splits are not on this machine")
def test_the_ten_published_splits(tmp_path: Path) -> None:
    folder = tmp_path / "prid2011"
    folder.mkdir()
    published = json.loads(PUBLISHED.read_text())
    (folder / "splits_prid2011.json").write_text(PUBLISHED.read_text())
    one = picture(tmp_path / "one.png")
    for camera in ("cam_a", "cam_b"):
        for name in {name for split in published for part in split.values() for name in part}:
            place = folder / "multi_shot" / camera / name
            place.mkdir(parents=True)
            (place / "0001.png").hardlink_to(one)
    assert len(published) == 10
    asked = []
    for split_id in range(10):
        splits = build_dataset("prid2011", tmp_path, split_id=split_id)
        for part, expected in PRID2011.counts.items():
            tracklets = getattr(splits, part)
            assert (len({t.pid for t in tracklets}), len(tracklets)) == (expected.ids, expected.tracklets)
        assert splits.num_train_pids == len(splits.query) == 89
        tested = [f"person_{t.pid:04d}" for t in splits.query]
        assert tested == published[split_id]["test"]
        assert [t.pid for t in splits.gallery] == [t.pid for t in splits.query]
        asked.append(frozenset(tested))
    assert len(set(asked)) == 10
