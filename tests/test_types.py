import numpy as np
import pytest
import torch

from videoreid.errors import DatasetError, ProtocolError
from videoreid.types import EvaluationProtocol, Features, Ranking, Splits, Tracklet


def test_an_empty_tracklet_is_refused() -> None:
    with pytest.raises(DatasetError, match="empty tracklet \\(pid 7, camera 2\\)"):
        Tracklet([], 7, 2)


def test_splits_count_training_identities_and_cameras() -> None:
    train = tuple(Tracklet(["a"], pid, camid) for pid, camid in ((0, 0), (0, 1), (1, 3)))
    splits = Splits("toy", train=train)
    assert (splits.num_train_pids, splits.num_train_cams) == (2, 3)
    assert splits.with_protocol("any_camera").protocol == "any_camera"
    assert splits.protocol == "cross_camera"


def features(n: int = 3, **changes: object) -> Features:
    values = {
        "embeddings": torch.arange(2.0 * n).view(n, 2),
        "pids": np.arange(n),
        "camids": np.zeros(n, int),
    }
    return Features(**{**values, **changes})


def test_features_fill_unknown_times_with_nan() -> None:
    assert np.isnan(features().times).all()
    assert features().end_times.shape == (3,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pids": np.arange(2)}, r"3 embeddings but pids of shape \(2,\)"),
        ({"camids": np.arange(4)}, r"3 embeddings but camids of shape \(4,\)"),
        ({"times": np.zeros(2)}, "but times of shape"),
        ({"pids": np.array([0.5, 1, 2])}, "pids must be integers, got float64"),
        (
            {"pids": np.array(["a", "b", "c"])},
            "pids must be integers, got <U1; map the ids to integers first",
        ),
        ({"camids": ["c1", "c2", "c3"]}, "camids must be integers, got <U2"),
        ({"pids": np.array([1, 2, 2**63], np.uint64)}, "pids holds 9223372036854775808, which is beyond"),
        ({"times": ["a", "b", "c"]}, "times must be numbers, NaN if unknown, got <U1"),
        ({"embeddings": np.array([["a"], ["b"], ["c"]])}, "array of numbers, got <U1"),
        ({"embeddings": torch.zeros(3)}, r"embeddings must be \(N, D\)"),
        ({"embeddings": torch.tensor([[0.0], [float("nan")], [float("inf")]])}, r"2 rows .* at \[1, 2\]"),
    ],
)
def test_features_that_do_not_fit_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        features(**changes)


def test_embeddings_may_be_an_array() -> None:
    values = np.arange(6, dtype=np.float16).reshape(3, 2)
    values.flags.writeable = False
    taken = features(embeddings=values).embeddings
    assert (taken.dtype, taken.tolist()) == (torch.float16, values.tolist())


def test_select_and_concat_keep_rows_together() -> None:
    both = features().concat(features(2, pids=np.array([8, 9])))
    assert both.pids.tolist() == [0, 1, 2, 8, 9]
    picked = both.select(both.pids > 1)
    assert picked.pids.tolist() == [2, 8, 9]
    assert picked.embeddings.tolist() == [[4, 5], [0, 1], [2, 3]]
    assert both.select([3, 0]).pids.tolist() == [8, 0]


def test_a_ranking_averages_over_the_scored_queries_only() -> None:
    ranking = Ranking(
        average_precision=np.array([1.0, np.nan, 0.5]),
        inverse_negative_penalty=np.array([1.0, np.nan, 0.25]),
        first_match=np.array([1, 0, 2]),
        cmc=np.array([0.5, 1.0]),
        top_indices=np.zeros((3, 0), int),
        top_distances=np.zeros((3, 0), np.float32),
        top_matches=np.zeros((3, 0), bool),
        protocol=EvaluationProtocol("cross_camera"),
        protocol_line="line",
    )
    summary = ranking.summary()
    assert summary["mAP"] == 0.75
    assert summary["mINP"] == 0.625
    assert (summary["rank1"], summary["rank5"]) == (0.5, 1.0), "past its end the curve keeps its last value"
    assert (summary["queries_scored"], summary["queries_skipped"]) == (2, 1)
    assert summary["protocol"] == "line"
