"""Reading ahead changes when things are read, and nothing else."""

import gc
import threading

import pytest

from videoreid.utils.read_ahead import map_ahead, read_ahead


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


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_their_items(workers: int) -> None:
    assert list(map_ahead(lambda n: n * n, range(20), workers=workers)) == [(n, n * n) for n in range(20)]
    assert list(map_ahead(str, [], workers=workers)) == []


def test_items_are_worked_on_side_by_side() -> None:
    together = threading.Barrier(2)
    found = list(
        map_ahead(lambda n: together.wait(20) >= 0, range(6), workers=2)
    )  # one alone would wait in vain
    assert found == [(n, True) for n in range(6)]


def test_an_error_of_the_function_comes_in_its_place() -> None:
    found = []
    with pytest.raises(ZeroDivisionError):
        for item, result in map_ahead(lambda n: 6 // n, [3, 2, 1, 0, 4], workers=2):
            found.append((item, result))
    assert found == [(3, 2), (2, 3), (1, 6)]


def test_no_more_items_are_held_than_twice_the_workers() -> None:
    drawn = []

    def items():
        for number in range(50):
            drawn.append(number)
            yield number

    stream = map_ahead(str, items(), workers=2)
    assert next(stream) == (0, "0")
    assert drawn == [0, 1, 2, 3]
    assert next(stream) == (1, "1")
    assert drawn == [0, 1, 2, 3, 4]
    stream.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("map-ahead")]
