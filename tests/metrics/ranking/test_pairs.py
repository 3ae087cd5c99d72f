import numpy as np
import pytest

from videoreid.errors import ProtocolError
from videoreid.metrics.ranking.pairs import check_ids, same_person_pairs
from videoreid.types import EvaluationProtocol


@pytest.mark.parametrize("junk", ["same_camera", "nothing"])
def test_equals_the_nested_loop(junk):
    rng = np.random.default_rng(0)
    q_pids, g_pids = rng.integers(-1, 6, 15), rng.integers(-1, 6, 40)
    q_camids, g_camids = rng.integers(0, 3, 15), rng.integers(0, 3, 40)
    pairs = same_person_pairs(q_pids, g_pids, q_camids, g_camids, EvaluationProtocol("p", junk=junk))
    expected = [
        (q, g, junk == "nothing" or q_camids[q] != g_camids[g])
        for q in range(15)
        for g in range(40)
        if q_pids[q] == g_pids[g] != -1
    ]
    assert list(zip(pairs.queries, pairs.rows, pairs.is_match, strict=True)) == expected
    assert pairs.excluded.tolist() == np.flatnonzero(g_pids == -1).tolist()
    assert np.diff(pairs.offsets).tolist() == [sum(q == row[0] for row in expected) for q in range(15)]
    assert np.diff(pairs.match_offsets).tolist() == [
        sum(q == r[0] and r[2] for r in expected) for q in range(15)
    ]


def test_junk_rows_need_no_camera():
    pairs = same_person_pairs(
        np.array([1]), np.array([1, -1]), np.array([0]), np.array([1, -1]), EvaluationProtocol("p")
    )
    assert pairs.rows.tolist() == [0]


def test_ids_are_checked():
    assert check_ids("pids", [1, 2], 2).dtype == np.int64
    with pytest.raises(ProtocolError, match="expected"):
        check_ids("pids", [[1], [2]], 2)
    with pytest.raises(ProtocolError, match="integers"):
        check_ids("pids", ["a"], 1)
