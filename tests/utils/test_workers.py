"""The death of a worker is named wherever PyTorch's signal handler raises."""

import pytest

from videoreid.errors import WorkerError
from videoreid.utils.workers import guard_workers, worker_errors

KILLED = "DataLoader worker (pid 9380) is killed by signal: Killed. "


def test_the_message_names_cause_and_remedy() -> None:
    with (
        pytest.raises(
            WorkerError, match=r"has died \(DataLoader worker .pid 9380. is killed by signal: Killed\..*fewer"
        ) as caught,
        worker_errors(),
    ):
        raise RuntimeError(KILLED)
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes differ"),
        RuntimeError("Caught KeyError in DataLoader worker process 0."),
        EOFError(),
    ],
)
def test_other_errors_pass_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, worker_errors():
        raise error
    assert caught.value is error


@pytest.mark.parametrize("error", [RuntimeError(KILLED), ConnectionResetError("reset"), EOFError()])
def test_an_iterator_of_batches_is_guarded_against_broken_pipes_too(error: Exception) -> None:
    def batches():
        yield 1
        raise error

    guarded = guard_workers(batches())
    assert next(guarded) == 1
    with pytest.raises(WorkerError, match="a worker process of the loader has died"):
        next(guarded)
