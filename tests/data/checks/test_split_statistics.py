from pathlib import Path

import cv2
import pytest

from videoreid.data.checks import dataset_statistics, draw_statistics, split_statistics, statistics_table
from videoreid.errors import DatasetError
from videoreid.types import Splits, Tracklet


def tracklets(*rows: tuple[int, int, int]) -> tuple[Tracklet, ...]:
    """Return tracklets of (pid, camid, length)."""
    return tuple(
        Tracklet([f"{n}_{i}" for i in range(length)], pid, camid)
        for n, (pid, camid, length) in enumerate(rows)
    )


TEST = tracklets((0, 0, 9), (4, 0, 1), (4, 2, 2), (4, 2, 3), (7, 1, 5))


def test_figures_of_a_test_split() -> None:
    figures = split_statistics(TEST)
    assert (figures.ids, figures.tracklets, figures.frames, figures.mean_length) == (3, 5, 20, 4.0)
    assert figures.lengths == (1, 1, 2, 3, 5, 9, 9)
    assert figures.tracklets_per_camera == {0: 2, 1: 1, 2: 2}
    assert figures.cameras_per_id == {1: 1, 2: 1}  # the distractor is nobody
    assert figures.tracklets_per_id == (1, 3)


def test_label_0_is_a_person_in_training() -> None:
    train = tracklets((0, 0, 2), (1, 1, 2), (0, 1, 2))
    assert split_statistics(train, labelled=True).cameras_per_id == {1: 1, 2: 1}
    assert dataset_statistics(Splits("x", train, (), TEST))["train"].tracklets_per_id == (1, 2)


def test_an_empty_split_has_no_lengths() -> None:
    figures = split_statistics(())
    assert (figures.ids, figures.frames, figures.lengths, figures.cameras_per_id) == (0, 0, (), {})


def test_the_table_has_a_line_for_each_split_in_columns() -> None:
    lines = statistics_table(dataset_statistics(Splits("x", (), TEST[:2], TEST))).splitlines()
    assert [line.split()[0] for line in lines] == ["split", "train", "query", "gallery"]
    assert len({len(line) for line in lines}) == 1
    assert lines[3].split()[1:6] == ["3", "5", "20", "3", "4.0"]


@pytest.mark.parametrize(
    "splits", [Splits("x", TEST, TEST, TEST), Splits("x", gallery=tracklets((1, -1, 1)))]
)
def test_the_chart_is_drawn(tmp_path: Path, splits: Splits) -> None:
    draw_statistics(splits, tmp_path / "chart.png")
    picture = cv2.imread(str(tmp_path / "chart.png"))
    assert picture.shape[1] == 1210
    assert len({tuple(colour) for colour in picture.reshape(-1, 3)[::7]}) > 5


def test_nothing_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="x holds no tracklet"):
        draw_statistics(Splits("x"), tmp_path / "chart.png")
