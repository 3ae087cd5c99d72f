import pytest

from videoreid.data.datasets import DATASETS, DatasetInfo, dataset_info, list_datasets, list_infos
from videoreid.data.datasets.info import record_info
from videoreid.errors import ConfigError, UnknownNameError


def test_every_dataset_and_lip_is_described() -> None:
    ours = {n for n in list_datasets() if DATASETS[n].__module__.startswith("videoreid.data.datasets.")}
    assert set(list_infos()) == {*ours, "lip"}


def test_an_unknown_description_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="unknown dataset description 'marz'; did you mean 'mars'"):
        dataset_info("marz")


def test_a_name_is_described_once() -> None:
    with pytest.raises(ConfigError, match="'mars' is registered already"):
        record_info(DatasetInfo("mars", "", "", "", "", ""))
