"""Label tables."""

import numpy as np
import pytest
import torch

from videoreid.errors import ConfigError, DatasetError, UnknownNameError
from videoreid.parsing import LABEL_TABLES, LabelTable, get_table, seed7_table

ALL = np.arange(20, dtype=np.uint8)


def test_seed7_is_the_regrouping_of_the_study() -> None:
    mapped = LABEL_TABLES["seed7"].map(ALL)
    assert mapped.tolist() == [0, 1, 1, 255, 1, 2, 2, 2, 255, 2, 2, 2, 2, 1, 3, 4, 5, 6, 5, 6]
    assert mapped.dtype == np.uint8


def test_glove_and_socks_are_a_choice() -> None:
    table = seed7_table(glove="clothes", socks="clothes")
    assert table.map(ALL)[[3, 8]].tolist() == [2, 2]
    assert table.name == "seed7(glove=clothes, socks=clothes)"
    with pytest.raises(ConfigError, match="'ignore' or 'clothes'"):
        seed7_table(glove="arm")  # type: ignore[arg-type]


def test_spreid5_has_the_groups_of_spreid() -> None:
    table = LABEL_TABLES["spreid5"]
    groups = {
        name: np.flatnonzero(table.map(ALL) == number).tolist() for number, name in enumerate(table.classes)
    }
    assert groups == {
        "background": [0],
        "head": [1, 2, 4, 13],
        "upper body": [3, 5, 6, 7, 10, 11, 14, 15],
        "lower body": [9, 12, 16, 17],
        "shoes": [8, 18, 19],
    }


def test_lip20_is_lip() -> None:
    table = LABEL_TABLES["lip20"]
    assert np.array_equal(table.map(ALL), ALL)
    assert table.classes[5] == "upper clothes"
    assert table.mirror_order == (*range(14), 15, 14, 17, 16, 19, 18)


@pytest.mark.parametrize("name", LABEL_TABLES)
def test_mirror_commutes_with_the_mapping(name: str) -> None:
    table = LABEL_TABLES[name]
    assert np.array_equal(table.map(LABEL_TABLES["lip20"].mirror(ALL)), table.mirror(table.map(ALL)))


@pytest.mark.parametrize("kind", [torch.uint8, torch.int64])
def test_tensors_keep_their_type(kind: torch.dtype) -> None:
    labels = torch.tensor([[3, 14], [255, 0]], dtype=kind)
    mapped = LABEL_TABLES["seed7"].map(labels)
    assert mapped.tolist() == [[255, 3], [255, 0]]
    assert mapped.dtype == kind


def test_a_label_that_is_not_covered() -> None:
    with pytest.raises(DatasetError, match="does not cover label 20"):
        LABEL_TABLES["seed7"].map(np.array([[0, 20]], np.uint8))
    with pytest.raises(DatasetError, match="does not cover label -1"):
        LABEL_TABLES["seed7"].map(torch.tensor([-1]))
    with pytest.raises(DatasetError, match="integers"):
        LABEL_TABLES["seed7"].map(np.zeros(2))


def test_probabilities_are_grouped() -> None:
    probabilities = torch.rand(2, 20, 3, 4).softmax(1)
    grouped = LABEL_TABLES["spreid5"].group(probabilities)
    assert torch.allclose(grouped.sum(1), torch.ones(2, 3, 4))
    assert torch.allclose(grouped[:, 4], probabilities[:, [8, 18, 19]].sum(1))
    seven = LABEL_TABLES["seed7"].group(probabilities)
    assert torch.allclose(seven.sum(1), 1 - probabilities[:, [3, 8]].sum(1))
    with pytest.raises(ConfigError, match="groups 20 classes"):
        LABEL_TABLES["seed7"].group(probabilities[:, :7])


def test_tables_of_ones_own() -> None:
    table = LabelTable("person", ("background", "person"), (0, 1, 1, 255))
    assert get_table(table) is table
    assert get_table("seed7") is LABEL_TABLES["seed7"]
    with pytest.raises(UnknownNameError, match="lip20, seed7, spreid5"):
        get_table("seed8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ("background",)}, "expected 2 to 255"),
        ({"classes": ("a", "b"), "sources": (0, 2)}, "maps to class 2"),
        ({"classes": ("a", "b"), "sources": (0, 0)}, "no label becomes class 'b'"),
        ({"classes": ("a", "b", "c"), "swap_pairs": ((0, 1), (1, 2))}, "different classes"),
        ({"classes": ("a", "b"), "swap_pairs": ((1, 2),)}, "different classes"),
    ],
)
def test_tables_that_make_no_sense(options: dict[str, tuple], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LabelTable("own", **options)
