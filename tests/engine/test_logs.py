import csv
import logging
import sys

import pytest

from videoreid.engine import CSVLogger, Event, TensorBoardLogger, console_logger
from videoreid.errors import MissingExtraError

EVENTS = [
    Event("step", 0, 1, {"loss": 2.0, "lr": 0.1}),
    Event("step", 0, 2, {"loss": 1.5, "lr": 0.1}),
    Event("epoch", 1, 2, {"loss": 1.75}),
    Event("validation", 1, 2, {"mAP": 0.25}),
]


def test_csv_has_one_row_a_number_and_grows(tmp_path):
    for _ in range(2):  # a second run appends
        logger = CSVLogger(tmp_path / "log" / "run.csv")
        for event in EVENTS:
            logger(event)
    with (tmp_path / "log" / "run.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["kind", "epoch", "step", "name", "value"]
    assert rows[1:3] == [["epoch", "1", "2", "loss", "1.75"], ["validation", "1", "2", "mAP", "0.25"]]
    assert len(rows) == 5


def test_csv_with_steps(tmp_path):
    logger = CSVLogger(tmp_path / "run.csv", steps=True)
    for event in EVENTS:
        logger(event)
    assert len((tmp_path / "run.csv").read_text().splitlines()) == 1 + 4 + 2


def test_console_lines_every_n_steps_with_the_time_left(caplog):
    logger = console_logger(2, total_steps=10)
    with caplog.at_level(logging.INFO, "videoreid"):
        for event in EVENTS:
            logger(event)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(":")[0] for line in lines] == ["step", "epoch", "validation"]
    assert "step 2 loss 1.5 lr 0.1 eta 00:00" in lines[0]


def test_tensorboard_is_an_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"videoreid\[log\]"):
        TensorBoardLogger(tmp_path)


def test_tensorboard_gets_every_number(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra [log] is not installed")
    logger = TensorBoardLogger(tmp_path)
    for event in EVENTS:
        logger(event)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(tmp_path)).Reload()
    assert set(read.Tags()["scalars"]) == {"step/loss", "step/lr", "epoch/loss", "validation/mAP"}
    assert [point.value for point in read.Scalars("step/loss")] == [2.0, 1.5]
