import pytest

from videoreid.data.datasets import DATASETS, Corpus, corpus_card, list_cards, list_datasets
from videoreid.data.datasets.corpus import record_card
from videoreid.errors import ConfigError, UnknownNameError


def test_every_corpus_and_lip_has_a_card() -> None:
    ours = {n for n in list_datasets() if DATASETS[n].__module__.startswith("videoreid.data.datasets.")}
    assert set(list_cards()) == {*ours, "lip"}


def test_an_unknown_card_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="no card for corpus 'marz'; did you mean 'mars'"):
        corpus_card("marz")


def test_a_name_has_one_card() -> None:
    with pytest.raises(ConfigError, match="'mars' has a card already"):
        record_card(Corpus("mars", "", "", "", "", ""))
