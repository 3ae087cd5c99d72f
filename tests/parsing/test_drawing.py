"""Label maps as files and pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from videoreid.data.datasets.parsing import read_label
from videoreid.errors import ConfigError, DatasetError
from videoreid.parsing import LABEL_TABLES, parsing_scores
from videoreid.parsing.drawing import draw_confusion, draw_legend, draw_overlay, draw_parsing_sheet
from videoreid.parsing.label_files import palette, read_label_map, write_label_map

TABLE = LABEL_TABLES["seed7"]


def test_palette() -> None:
    colours = palette(20)
    assert colours[:4].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert colours[8].tolist() == [64, 0, 0]
    assert len({tuple(colour) for colour in colours.tolist()}) == 20


def test_label_maps_come_back(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).choice([0, 3, 6, 255], (9, 7)).astype(np.uint8)
    path = write_label_map(tmp_path / "deep" / "a.png", labels)
    assert np.array_equal(read_label_map(path, TABLE), labels)
    assert np.array_equal(read_label(str(path)), labels)  # so parsed pictures can be learnt from
    seen = cv2.imread(str(path))[..., ::-1]
    assert (seen[labels == 3] == palette(7)[3]).all()
    assert (seen[labels == 255] == 255).all()
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), labels)
    assert np.array_equal(read_label_map(grey), labels)


def test_label_maps_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected a \.png"):
        write_label_map(tmp_path / "a.jpg", np.zeros((2, 2), np.uint8))
    with pytest.raises(DatasetError, match="uint8 labels"):
        write_label_map(tmp_path / "a.png", np.zeros((2, 2), np.int64))
    assert not list(tmp_path.iterdir())
    cv2.imwrite(str(tmp_path / "rgb.png"), np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(DatasetError, match="holds colours"):
        read_label_map(tmp_path / "rgb.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_label_map(tmp_path / "bad.png")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_label_map(tmp_path / "absent.png")
    path = write_label_map(tmp_path / "a.png", np.full((2, 2), 7, np.uint8))
    with pytest.raises(DatasetError, match=r"a\.png holds label 7"):
        read_label_map(path, TABLE)


def test_overlay_colours_parts_alone() -> None:
    image = np.full((2, 2, 3), 100, np.uint8)
    labels = np.array([[0, 1], [255, 2]], np.uint8)
    drawn = draw_overlay(image, labels, TABLE, opacity=0.5)
    assert (drawn[:, 0] == 100).all()
    assert drawn[0, 1].tolist() == [114, 50, 50]
    assert drawn[1, 1].tolist() == [50, 114, 50]
    with pytest.raises(ConfigError, match="expected one size"):
        draw_overlay(image, labels[:1], TABLE)
    with pytest.raises(ConfigError, match="label 9 is not a class"):
        draw_overlay(image, np.full((2, 2), 9, np.uint8), TABLE)


def test_sheet_and_plots(tmp_path: Path) -> None:
    images = [np.zeros((20, 10, 3), np.uint8), np.zeros((30, 30, 3), np.uint8)]
    maps = [np.ones(image.shape[:2], np.uint8) for image in images]
    path = draw_parsing_sheet(tmp_path / "sheet.png", images, [maps, maps], TABLE, height=40)
    assert cv2.imread(str(path)).shape == (120, 20 + 40 + 130, 3)
    legend = draw_legend(TABLE, 140)
    assert legend.shape == (140, 130, 3)
    assert (legend[30, 10] == palette(7)[1]).all()
    with pytest.raises(ConfigError, match="one label map per picture"):
        draw_parsing_sheet(tmp_path / "x.png", images, [maps[:1]], TABLE)
    scores = parsing_scores(np.arange(7), np.arange(7), num_classes=7)
    assert cv2.imread(str(draw_confusion(scores, TABLE, tmp_path / "c.png"))) is not None
    with pytest.raises(ConfigError, match="has 20 classes, the scores 7"):
        draw_confusion(scores, LABEL_TABLES["lip20"], tmp_path / "d.png")
