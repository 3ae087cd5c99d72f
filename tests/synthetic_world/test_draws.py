"""The one source of chance: recorded values, bounds and shares."""

import numpy as np
import pytest

from videoreid.synthetic_world.draws import Draws


def test_values_are_those_of_every_platform() -> None:
    draws = Draws(7, 1, 2)
    # recorded once: a change means that every world of every seed changes
    assert [round(draws.uniform(), 12) for _ in range(3)] == RECORDED
    assert Draws(7, 1, 2).uniform() != Draws(7, 2, 1).uniform()


RECORDED = [0.923012461673, 0.720356937491, 0.266385141936]


def test_integers_cover_their_range_and_nothing_else() -> None:
    draws = Draws(0)
    values = [draws.integer(-2, 3) for _ in range(400)]
    assert set(values) == {-2, -1, 0, 1, 2}


def test_bell_has_the_spread_it_promises_and_is_bounded() -> None:
    draws = Draws(1)
    values = np.array([draws.bell(5.0, 2.0) for _ in range(4000)])
    assert values.mean() == pytest.approx(5.0, abs=0.12)
    assert values.std() == pytest.approx(2.0, rel=0.05)
    assert abs(values - 5.0).max() <= 2.0 * 3.5
    block = Draws(2).block(60, 80)
    assert block.shape == (60, 80)
    assert block.mean() == pytest.approx(0.0, abs=0.05)
    assert block.std() == pytest.approx(1.0, rel=0.05)


def test_pick_follows_the_weights() -> None:
    draws = Draws(3)
    picks = [draws.pick("abc", (1.0, 0.0, 3.0)) for _ in range(2000)]
    assert "b" not in picks
    assert picks.count("c") / len(picks) == pytest.approx(0.75, abs=0.04)
    assert {draws.pick("xyz") for _ in range(100)} == set("xyz")
    assert sum(draws.chance(0.2) for _ in range(2000)) / 2000 == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_order_is_a_permutation(count: int) -> None:
    assert sorted(Draws(4, count).order(count)) == list(range(count))
