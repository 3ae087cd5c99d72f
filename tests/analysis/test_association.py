from itertools import combinations, permutations

import numpy as np
import pytest
import torch

from videoreid.analysis import (
    assign,
    associate,
    association_scores,
    centre_cameras,
    forbidden_pairs,
    threshold_at,
)
from videoreid.errors import ConfigError, ProtocolError
from videoreid.metrics import KReciprocal, LogisticCalibration
from videoreid.types import Features


def tracklets(seed: int, count: int = 24, noise: float = 0.5) -> Features:
    generator = np.random.default_rng(seed)
    pids = generator.integers(0, 6, count)
    centres = generator.normal(size=(6, 8))
    rows = centres[pids] + noise * generator.normal(size=(count, 8))
    times = generator.uniform(0, 50, count)
    camids = generator.integers(0, 3, count)
    return Features(torch.from_numpy(rows), pids, camids, times, times + generator.uniform(0, 10, count))


def slow_forbidden(features: Features) -> np.ndarray:
    table = np.zeros((len(features),) * 2, bool)
    for a, b in combinations(range(len(features)), 2):
        same = features.camids[a] == features.camids[b]
        overlap = features.times[a] <= features.end_times[b] and features.times[b] <= features.end_times[a]
        table[a, b] = table[b, a] = same and overlap
    return table


def slow_associate(features: Features, threshold: float) -> np.ndarray:
    """Recompute every mean of every pair of clusters from the tracklets, at each step."""
    rows = features.embeddings.numpy()
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    apart = slow_forbidden(features)
    clusters = [[n] for n in range(len(rows))]
    while True:
        best = None
        for a, b in combinations(range(len(clusters)), 2):
            pairs = [(i, j) for i in clusters[a] for j in clusters[b]]
            if not any(apart[pair] for pair in pairs):
                mean = float(np.mean([1 - rows[i] @ rows[j] for i, j in pairs]))
                if mean <= threshold and (best is None or mean < best[0]):
                    best = (mean, a, b)
        if best is None:
            break
        clusters[best[1]] += clusters.pop(best[2])
    names = np.empty(len(rows), np.int64)
    for number, members in enumerate(sorted(clusters, key=min)):
        names[members] = number
    return names


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.1, 0.4, 0.8, 3.0])
def test_it_is_the_slow_one(seed: int, threshold: float) -> None:
    features = tracklets(seed)
    found = associate(features, threshold=threshold)
    assert found.dtype == np.int64
    assert found.tolist() == slow_associate(features, threshold).tolist()


def test_two_at_one_time_are_two_people() -> None:
    features = tracklets(0, 40)
    apart = forbidden_pairs(features)
    assert (apart == slow_forbidden(features)).all() and apart.any()
    names = associate(features, threshold=3.0)  # everything that may be joined is
    assert not (apart & (names[:, None] == names)).any()
    assert len(set(names.tolist())) < len(set(associate(features, threshold=0.2).tolist()))


def test_what_is_unknown_forbids_nothing_and_transit_does() -> None:
    times, ends = np.array([0.0, 8.0, np.nan, 30.0]), np.array([5.0, np.nan, np.nan, 40.0])
    features = Features(torch.ones(4, 2), np.zeros(4, int), np.array([0, 1, 0, 0]), times, ends)
    assert not forbidden_pairs(features).any()
    hurried = forbidden_pairs(features, transit=np.array([[0.0, 10.0], [22.0, 0.0]]))
    assert np.argwhere(hurried).tolist() == [[0, 1], [1, 0]]  # 3 of 10 seconds; back, 22 of 22 are enough
    with pytest.raises(ProtocolError, match="transit"):
        forbidden_pairs(features, transit=np.zeros((1, 1)))


def test_reranked_distances_keep_clusters() -> None:
    features = tracklets(1, 30, noise=0.05)
    free = np.zeros((30, 30), bool)
    names = associate(features, threshold=0.5, forbidden=free, rerank=KReciprocal(k1=4, k2=2))
    assert association_scores(names, features.pids).pairwise_f1 == 1.0


def test_online_assignment() -> None:
    known = Features(torch.eye(2), np.zeros(2, int), np.zeros(2, int), np.zeros(2), np.ones(2))
    rows = torch.tensor([[1.0, 0.1], [-1.0, 0.0], [-1.0, 0.05], [0.0, 1.0]])
    times = np.array([5.0, 5.0, 9.0, 0.5])
    new = Features(rows, np.zeros(4, int), np.array([0, 0, 1, 0]), times, times)
    assert assign(new, known, np.array([3, 7]), threshold=0.2).tolist() == [3, 8, 8, 9]
    none = known.select(np.zeros(2, bool))
    assert assign(new, none, np.empty(0, np.int64), threshold=0.2).tolist() == [0, 1, 1, 2]
    with pytest.raises(ProtocolError):
        assign(new, known, np.array([1]), threshold=0.2)


def test_the_threshold_of_a_calibration() -> None:
    calibration = LogisticCalibration(slope=10.0, offset=-4.0)
    assert threshold_at(calibration) == pytest.approx(0.4, abs=1e-5)
    assert threshold_at(calibration, 0.9) == pytest.approx(0.4 - np.log(9) / 10, abs=1e-5)
    with pytest.raises(ConfigError, match=r"0\.999"):
        threshold_at(calibration, 0.999)


def test_bad_input() -> None:
    features = tracklets(0, 3)
    with pytest.raises(ConfigError, match="NaN"):
        associate(features, threshold=float("nan"))
    with pytest.raises(ProtocolError, match="symmetric"):
        associate(features, threshold=1, forbidden=np.triu(np.ones((3, 3), bool)))
    assert associate(features.select(np.zeros(3, bool)), threshold=1.0).shape == (0,)


@pytest.mark.parametrize("seed", range(5))
def test_the_scores_are_the_slow_ones(seed: int) -> None:
    generator = np.random.default_rng(seed)
    found, true = generator.integers(0, 5, 30), generator.integers(0, 4, 30)
    scores = association_scores(found, true)
    pairs = list(combinations(range(30), 2))
    right = sum(found[a] == found[b] and true[a] == true[b] for a, b in pairs)
    assert scores.pairwise_precision == pytest.approx(right / sum(found[a] == found[b] for a, b in pairs))
    assert scores.pairwise_recall == pytest.approx(right / sum(true[a] == true[b] for a, b in pairs))
    shares = [((found == found[n]) & (true == true[n])).sum() for n in range(30)]
    assert scores.bcubed_precision == pytest.approx(
        np.mean([share / (found == found[n]).sum() for n, share in enumerate(shares)])
    )
    assert scores.bcubed_recall == pytest.approx(
        np.mean([share / (true == true[n]).sum() for n, share in enumerate(shares)])
    )

    def entropy(values: list) -> float:
        _, counts = np.unique(np.array(values), return_counts=True, axis=0)
        return float(-(counts / 30 * np.log(counts / 30)).sum())

    joint = entropy([[a, b] for a, b in zip(found, true, strict=True)])
    assert scores.homogeneity == pytest.approx(1 - (joint - entropy(list(found))) / entropy(list(true)))
    assert scores.completeness == pytest.approx(1 - (joint - entropy(list(true))) / entropy(list(found)))
    best = max(
        sum(((true == p) & (found == c)).sum() for p, c in enumerate(way))
        for way in permutations(range(5), 4)
    )
    assert scores.idf1 == pytest.approx(best / 30)


def test_the_scores_of_known_cases() -> None:
    perfect = association_scores(np.array([4, 4, 1]), np.array([0, 0, 9]))
    assert set(perfect.__dict__.values()) == {1.0}
    one = association_scores(np.array([0, 0, 0, 0]), np.array([1, 1, 1, 2]))
    assert (one.homogeneity, one.completeness, one.idf1, one.pairwise_precision) == (0.0, 1.0, 0.75, 0.5)
    with pytest.raises(ProtocolError):
        association_scores(np.array([1]), np.array([1, 2]))


def test_centred_cameras_no_longer_look_alike() -> None:
    """Eight people before three cameras, each of which shifts all embeddings by more than people differ."""
    generator = np.random.default_rng(0)
    pids, camids = np.tile(np.arange(8), 6), np.repeat(np.arange(3), 16)
    rows = generator.normal(size=(8, 16))[pids] + 4 * generator.normal(size=(3, 16))[camids]
    features = Features(torch.from_numpy(rows + 0.1 * generator.normal(size=rows.shape)), pids, camids)
    centred = centre_cameras(features)
    unit = rows_of_unit_length(features)
    for camera in range(3):
        mine = camids == camera
        rest = unit[mine] - unit[mine].mean(axis=0)
        rest /= np.linalg.norm(rest, axis=1, keepdims=True)
        assert np.abs(centred.embeddings.numpy()[mine] - rest).max() < 1e-6
    best = [
        max(
            association_scores(associate(one, threshold=t), pids).idf1 for t in np.linspace(0, 1, 41).tolist()
        )
        for one in (features, centred)
    ]
    assert best[0] < 0.7 and best[1] == 1.0, best


def rows_of_unit_length(features: Features) -> np.ndarray:
    rows = features.embeddings.double().numpy()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_camera_of_few_tracklets_loses_the_mean_of_all() -> None:
    features = tracklets(0)
    camids = np.where(np.arange(24) < 20, 0, np.where(np.arange(24) < 22, 1, -1))
    features = Features(features.embeddings, features.pids, camids, features.times, features.end_times)
    found, unit = centre_cameras(features).embeddings.numpy(), rows_of_unit_length(features)
    rest = unit - np.where(camids[:, None] == 0, unit[:20].mean(axis=0), unit.mean(axis=0))
    assert np.abs(found - rest / np.linalg.norm(rest, axis=1, keepdims=True)).max() < 1e-6
    assert len(centre_cameras(features.select(np.zeros(24, bool)))) == 0
    with pytest.raises(ConfigError, match="2 tracklets or more"):
        centre_cameras(features, least=1)
