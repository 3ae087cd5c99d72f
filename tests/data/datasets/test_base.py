from pathlib import Path

import pytest

from tests.data.datasets.dataset_imitations import write_mars
from videoreid.data.datasets import DATASETS, build_dataset, dataset_info, list_datasets
from videoreid.errors import ConfigError, DatasetError, UnknownNameError


def test_a_typo_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mars'"):
        build_dataset("marz")


def test_an_unknown_option_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'mars': .*split_id.* options are times, check_files"):
        build_dataset("mars", tmp_path, split_id=3)


def test_the_list_is_sorted() -> None:
    assert list_datasets() == sorted(DATASETS.names())
    assert "mars" in list_datasets()


def test_a_card_says_who_what_and_how_much() -> None:
    card = dataset_info("mars")
    assert "ECCV 2016" in card.citation
    assert card.counts["train"].ids == 625


@pytest.mark.parametrize("place", [".", "mars", "MARS", "Mars"])
def test_the_root_may_be_the_dataset_or_its_parent(tmp_path: Path, place: str) -> None:
    write_mars(tmp_path / place)
    assert len(build_dataset("mars", tmp_path).train) == 5
    assert len(build_dataset("mars", str(tmp_path / place)).train) == 5


def test_the_root_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mars(tmp_path / "mars")
    monkeypatch.setenv("VIDEOREID_DATA", str(tmp_path))
    assert len(build_dataset("mars").train) == 5
    monkeypatch.delenv("VIDEOREID_DATA")
    with pytest.raises(DatasetError, match="no root given"):
        build_dataset("mars")
