"""The precision of products is kept where threads meet, and lengths that float32 cannot hold are refused."""

import threading

import pytest
import torch

from videoreid.distances import pairwise_distance, pairwise_distance_chunks
from videoreid.distances.rounding import LONGEST, check_lengths, full_precision, row_norms
from videoreid.errors import ProtocolError


@pytest.fixture
def lowered():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.usefixtures("lowered")
def test_threads_do_not_take_the_switched_setting_for_the_users() -> None:
    inside, seen = threading.Event(), []

    def second() -> None:
        inside.wait(10)
        with full_precision(torch.device("cpu")):
            seen.append(torch.get_float32_matmul_precision())

    thread = threading.Thread(target=second)
    thread.start()
    with full_precision(torch.device("cpu")):
        inside.set()
        thread.join(0.2)
        assert seen == [], "the second waits until the first has put the setting back"
        assert torch.get_float32_matmul_precision() == "highest"
    thread.join(10)
    assert seen == ["highest"]
    assert torch.get_float32_matmul_precision() == "medium"


@pytest.mark.usefixtures("lowered")
def test_the_setting_is_put_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), full_precision(torch.device("cpu")):
        raise ZeroDivisionError
    assert torch.get_float32_matmul_precision() == "medium"


def test_lengths() -> None:
    check_lengths(torch.tensor([LONGEST, 0.0]), torch.empty(0))
    for bad in (2 * LONGEST, torch.inf, torch.nan):
        with pytest.raises(ProtocolError, match="beyond the range of float32"):
            check_lengths(torch.ones(2), torch.tensor([1.0, bad]))
    rows = torch.randn(3000, 40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(row_norms(rows), rows.double().norm(dim=1), rtol=0, atol=0)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "squared_euclidean"])
@pytest.mark.parametrize("bad", [1e20, torch.nan, torch.inf])
def test_distances_of_such_features_are_refused(metric: str, bad: float) -> None:
    good, wrong = torch.eye(3), torch.eye(3)
    wrong[1, 1] = bad
    for pair in ((good, wrong), (wrong, good)):
        with pytest.raises(ProtocolError, match="beyond the range of float32"):
            pairwise_distance(*pair, metric)
        with pytest.raises(ProtocolError, match="beyond the range of float32"):
            list(pairwise_distance_chunks(*pair, metric))
    assert pairwise_distance(1e20 * good.double(), good.double(), metric).isfinite().all()


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "squared_euclidean"])
@pytest.mark.parametrize("bad", [1e160, torch.nan, torch.inf])
def test_such_features_are_refused_in_float64_too(metric: str, bad: float) -> None:
    good, wrong = torch.eye(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    wrong[1, 1] = bad
    for pair in ((good, wrong), (wrong, good)):
        with pytest.raises(ProtocolError, match="beyond the range of float64"):
            pairwise_distance(*pair, metric)
        with pytest.raises(ProtocolError, match="beyond the range of float64"):
            list(pairwise_distance_chunks(*pair, metric))
