import csv
import logging

from videoreid.engine import CSVLogger, Event, console_logger

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
