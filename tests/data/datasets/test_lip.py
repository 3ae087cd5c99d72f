from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.data.datasets.dataset_imitations import picture, write_lip
from videoreid.data.datasets import build_parsing_dataset, dataset_info, list_parsing_datasets, read_pair
from videoreid.data.datasets.lip import LIP_CLASSES, LIP_MIRROR_PAIRS, lip
from videoreid.errors import ConfigError, DatasetError, FrameError, UnknownNameError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_lip(tmp_path)
    return tmp_path


def test_names_become_pairs(root: Path) -> None:
    dataset = build_parsing_dataset("lip", root)
    assert (len(dataset.train), len(dataset.val), len(dataset.test)) == (3, 1, 1)
    assert dataset.train[0].image == str(root / "train_images" / "0_train.jpg")
    assert dataset.train[0].label == str(root / "train_segmentations" / "0_train.png")
    assert dataset.test[0].label == ""
    assert dataset.licence == dataset_info("lip").licence


def test_there_are_twenty_classes_and_sides_change_places() -> None:
    assert len(LIP_CLASSES) == len(set(LIP_CLASSES)) == 20
    assert LIP_CLASSES.index("face") == 13
    for left, right in LIP_MIRROR_PAIRS:
        assert LIP_CLASSES[left].replace("left", "right") == LIP_CLASSES[right]


def test_pairs_are_read_as_rgb_and_labels(root: Path) -> None:
    pair = lip(root).train[1]
    image, label = read_pair(pair, 20)
    assert image.shape == (16, 8, 3)
    assert label.shape == (16, 8)
    assert np.array_equal(label, cv2.imread(pair.label, cv2.IMREAD_UNCHANGED))
    bgr = cv2.imread(pair.image)
    assert np.abs(image.astype(int) - bgr[..., ::-1]).max() <= 4  # decoders round differently


def test_mixed_sizes_are_refused(root: Path) -> None:
    pair = lip(root).train[0]
    picture(Path(pair.image), height=20)
    with pytest.raises(DatasetError, match=r"is 8x20 but its labels .* are 8x16"):
        read_pair(pair, 20)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.full((16, 8), 20, np.uint8), "holds label 20; expected 0 to 19, or 255"),
        (np.zeros((16, 8, 3), np.uint8), "is not an 8-bit grey picture"),
        (np.zeros((16, 8), np.uint16), "is not an 8-bit grey picture"),
    ],
)
def test_bad_labels_are_refused(root: Path, label: np.ndarray, message: str) -> None:
    pair = lip(root).train[0]
    assert cv2.imwrite(pair.label, label)
    with pytest.raises(DatasetError, match=message):
        read_pair(pair, 20)


def test_255_means_ignore(root: Path) -> None:
    pair = lip(root).train[0]
    assert cv2.imwrite(pair.label, np.full((16, 8), 255, np.uint8))
    assert (read_pair(pair, 20)[1] == 255).all()


def test_damaged_files_are_named(root: Path) -> None:
    pair = lip(root).train[0]
    Path(pair.label).write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"0_train\.png is not an 8-bit grey picture"):
        read_pair(pair, 20)
    Path(pair.image).write_bytes(b"")
    with pytest.raises(FrameError, match=r"0_train\.jpg"):
        read_pair(pair, 20)


def test_missing_pictures_are_found_when_asked_for(root: Path) -> None:
    Path(lip(root).val[0].label).unlink()
    with pytest.raises(DatasetError, match=r"missing picture .*0_val.png"):
        lip(root, check_files=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [("0_train\n0_train\n", "line 2: 0_train is listed twice"), ("../x\n", "leaves the root")],
)
def test_a_bad_list_is_refused(root: Path, text: str, message: str) -> None:
    (root / "train_id.txt").write_text(text)
    with pytest.raises(DatasetError, match=message):
        lip(root)


def test_the_wrong_root_name_or_option_is_refused(tmp_path: Path) -> None:
    assert list_parsing_datasets() == ["lip"]
    with pytest.raises(DatasetError, match=r"lacks train_id.txt"):
        lip(tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'lip'"):
        build_parsing_dataset("lipp", tmp_path)
    with pytest.raises(ConfigError, match="'lip'"):
        build_parsing_dataset("lip", tmp_path, split_id=1)


def test_a_dataset_without_validation_or_test_pictures_is_read(root: Path) -> None:
    (root / "val_id.txt").unlink()
    (root / "test_id.txt").unlink()
    assert lip(root).val == lip(root).test == ()
