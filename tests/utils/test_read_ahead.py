"""Reading ahead changes when things are read, and nothing else."""

import gc
import threading

import pytest

from videoreid.utils.read_ahead import read_ahead


def test_the_items_in_their_order_and_the_end() -> None:
    assert list(read_ahead(range(100), depth=3)) == list(range(100))
    assert list(read_ahead([])) == []
    assert list(read_ahead([None, 1])) == [None, 1]


def test_an_error_comes_after_the_items_before_it() -> None:
    def items():
        yield 1
        yield 2
        raise ValueError("damaged")

    found = []
    with pytest.raises(ValueError, match="damaged"):
        for item in read_ahead(items()):
            found.append(item)
    assert found == [1, 2]


def test_no_more_is_drawn_than_may_wait() -> None:
    drawn = []
    ready = threading.Event()

    def items():
        for number in range(50):
            drawn.append(number)
            if number == 3:
                ready.set()
            yield number

    stream = read_ahead(items(), depth=2)
    assert next(stream) == 0
    assert ready.wait(10)  # 0 is in use, 1 and 2 wait, 3 is drawn and finds no room
    assert drawn == [0, 1, 2, 3]
    stream.close()


def test_stopping_early_ends_the_thread_and_closes_the_generator() -> None:
    closed = []

    def items():
        try:
            while True:
                yield threading.current_thread().name
        finally:
            closed.append(threading.current_thread().name)

    stream = read_ahead(items())
    assert next(stream) == "read-ahead"
    stream.close()
    assert closed == ["read-ahead"]  # where it ran
    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
    next(stream := read_ahead(items()))
    del stream
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
