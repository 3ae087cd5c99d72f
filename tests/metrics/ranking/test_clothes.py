"""Protocols for people who change their clothes, against a loop over queries."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from videoreid.errors import ProtocolError
from videoreid.metrics import evaluate_distances, evaluate_features
from videoreid.types import Features


def drawn(seed: int) -> tuple[torch.Tensor, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    ids = {f"{side}_{kind}": rng.integers(0, limit, size) for side, size in (("q", 12), ("g", 60))
           for kind, limit in (("pids", 4), ("camids", 3), ("clothes", 3))}  # fmt: skip
    return torch.from_numpy(rng.random((12, 60))), ids


def slow_scores(distances: torch.Tensor, ids: dict[str, np.ndarray], mode: str) -> tuple[float, float]:
    precisions, hits = [], []
    for query, row in enumerate(distances.numpy()):
        person = ids["g_pids"] == ids["q_pids"][query]
        camera = ids["g_camids"] == ids["q_camids"][query]
        clothes = ids["g_clothes"] == ids["q_clothes"][query]
        wanted = ~clothes if mode == "clothes_change" else clothes
        good, junk = person & ~camera & wanted, person & (camera | ~wanted)
        order = [int(index) for index in np.argsort(row) if not junk[index]]
        matches = np.flatnonzero(good[order])
        if len(matches):
            precisions.append(np.mean(np.arange(1, len(matches) + 1) / (matches + 1)))
            hits.append(matches[0] == 0)
    return float(np.mean(precisions)), float(np.mean(hits))


@pytest.mark.parametrize("mode", ["clothes_change", "same_clothes"])
@pytest.mark.parametrize("seed", range(3))
def test_scores_by_loops(mode: str, seed: int) -> None:
    distances, ids = drawn(seed)
    ranking = evaluate_distances(
        distances, ids["q_pids"], ids["g_pids"], ids["q_camids"], ids["g_camids"],
        protocol=mode, clothes=(ids["q_clothes"], ids["g_clothes"]),
    )  # fmt: skip
    precision, rank1 = slow_scores(distances, ids, mode)
    assert ranking.mean_average_precision == pytest.approx(precision)
    assert ranking.cmc[0] == pytest.approx(rank1)
    assert (
        f"same person in {'the same' if mode == 'clothes_change' else 'other'} clothes"
        in ranking.protocol_line
    )


def test_the_usual_protocol_does_not_look_at_clothes() -> None:
    distances, ids = drawn(0)
    people = (ids["q_pids"], ids["g_pids"], ids["q_camids"], ids["g_camids"])
    plain = evaluate_distances(distances, *people)
    given = evaluate_distances(distances, *people, clothes=(ids["q_clothes"], ids["g_clothes"]))
    assert plain.mean_average_precision == given.mean_average_precision


def worn(features: Features, clothes: list[int]) -> Features:
    return replace(features, clothes=np.array(clothes))


def test_features_take_clothes_too_and_missing_ones_are_explained() -> None:
    query = Features(torch.tensor([[1.0, 0.0]]), np.array([1]), np.array([0]))
    asked = replace(query, clothes=np.array([0]))
    gallery = Features(
        torch.tensor([[1.0, 0.1], [0.0, 1.0], [1.0, 1.0]]), np.array([1, 1, 2]), np.array([1, 2, 1])
    )
    ranking = evaluate_features(asked, worn(gallery, [0, 1, 0]), protocol="clothes_change")
    assert ranking.first_match.tolist() == [2]
    assert evaluate_features(asked, worn(gallery, [0, 1, 0]), protocol="same_clothes").cmc[0] == 1.0
    with pytest.raises(ProtocolError, match=r"1 queries and 3 gallery rows have clothes -1"):
        evaluate_features(query, gallery, protocol="clothes_change")
    with pytest.raises(ProtocolError, match=r"0 queries and 1 gallery rows have clothes -1"):
        evaluate_features(asked, worn(gallery, [0, -1, 0]), protocol="clothes_change")
    with pytest.raises(ProtocolError, match=r"3 embeddings but clothes of shape \(2,\)"):
        worn(gallery, [0, 1])
