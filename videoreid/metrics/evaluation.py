"""Score a ranking by a named protocol: CMC, AP and mINP of every query, and the line that says how."""

from collections.abc import Mapping, Sequence
from typing import EvaluationProtocol as Interface

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ProtocolError
from videoreid.functional import pairwise_distance_chunks
from videoreid.metrics._counting import ranks_of_matches
from videoreid.metrics._pairs import SamePersonPairs, check_ids, same_person_pairs
from videoreid.metrics._scores import FeatureScores, MatrixScores, SameCameraPenalty, Scores
from videoreid.metrics._single_shot import single_shot_scores
from videoreid.metrics._top import TopRows
from videoreid.metrics.precision import average_precision, cumulative_matching, inverse_negative_penalty
from videoreid.metrics.protocols import get_protocol, protocol_line
from videoreid.types import EvaluationProtocol, Features, Ranking

__all__ = ["Refiner", "evaluate_distances", "evaluate_features"]


class Refiner(Interface):
    """What changes distances after they are computed: re-ranking, the spatial-temporal metric, ..."""

    @property
    def name(self) -> str:
        """What the protocol line says."""

    def __call__(self, distances: Tensor, query: Features, gallery: Features) -> Tensor:
        """Return new ``(Q, G)`` distances."""


def evaluate_features(  # noqa: PLR0913 - clothes belong to few datasets, and the rest to every line
    query: Features,
    gallery: Features,
    *,
    protocol: str | EvaluationProtocol = "cross_camera",
    distance: str = "cosine",
    refiners: Sequence[Refiner] = (),
    dataset: str = "",
    details: Mapping[str, str] | None = None,
    top_k: int = 20,
    clothes: tuple[Sequence[int] | np.ndarray, Sequence[int] | np.ndarray] | None = None,
) -> Ranking:
    """Rank the gallery for every query and score the result.

    Distances are streamed in blocks, so memory does not grow with Q x G; refiners, which see the whole matrix,
    are the exception. Float32 products are settled in float64 where a comparison is close: the ranks depend on
    the features alone, not on block sizes or the device. Ties stand in gallery order.

    Args:
        query: Q tracklets.
        gallery: G tracklets, as the dataset publishes them; a protocol with the queries in the gallery appends them.
        protocol: a record or its name, see `list_protocols`.
        distance: "cosine", "euclidean" or "squared_euclidean".
        refiners: applied in order to the distances, each named in the protocol line.
        dataset: dataset and split, for the protocol line.
        details: how the features were made, for the protocol line ("frames": "all", "flip": "no").
        top_k: gallery rows per query to keep for pictures; 0 saves the time.
        clothes: of the queries and of the gallery, for protocols that compare them ("clothes_change", "same_clothes").

    Returns:
        The scored ranking; its gallery rows count from the first row of ``gallery``, then of the appended queries.

    Raises:
        ProtocolError: the features do not fit each other or the protocol, or no query has a match.
    """
    rules = get_protocol(protocol)
    if rules.queries_in_gallery:
        _refuse_queries_twice(query, gallery, rules)
        gallery = gallery.concat(query)
    worn = _worn(clothes, queries_in_gallery=rules.queries_in_gallery)
    scores: Scores
    scores = FeatureScores(query.embeddings, gallery.embeddings, distance)
    pairs = same_person_pairs(query.pids, gallery.pids, query.camids, gallery.camids, rules, worn)
    if refiners:
        scores = MatrixScores(_refined(query, gallery, distance, refiners))
    if rules.same_camera_penalty:
        scores = _penalised(scores, query.camids, gallery.camids, pairs)
    line_parts = {
        "distance": distance,
        "refiners": [_name(refiner) for refiner in refiners],
        "dataset": dataset,
    }
    return _score(scores, pairs, gallery.pids, rules, top_k, {**line_parts, "details": details})


def evaluate_distances(  # noqa: PLR0913 - two id arrays a side, and what the protocol line must say
    distances: Tensor | np.ndarray,
    q_pids: np.ndarray | Sequence[int],
    g_pids: np.ndarray | Sequence[int],
    q_camids: np.ndarray | Sequence[int],
    g_camids: np.ndarray | Sequence[int],
    *,
    protocol: str | EvaluationProtocol = "cross_camera",
    distance: str = "given",
    refiners: Sequence[str] = (),
    dataset: str = "",
    details: Mapping[str, str] | None = None,
    top_k: int = 20,
    clothes: tuple[Sequence[int] | np.ndarray, Sequence[int] | np.ndarray] | None = None,
) -> Ranking:
    """Score distances that were computed elsewhere; smaller is nearer, ties stand in gallery order.

    Under a protocol with the queries in the gallery the matrix must have their columns, first or last.

    Args:
        distances: ``(Q, G)`` float, finite.
        q_pids: ``(Q,)`` integers.
        g_pids: ``(G,)`` integers.
        q_camids: ``(Q,)`` integers.
        g_camids: ``(G,)`` integers.
        protocol: a record or its name.
        distance: what the matrix holds, for the protocol line.
        refiners: names of what changed the matrix, for the protocol line.
        dataset: dataset and split, for the protocol line.
        details: how the features were made, for the protocol line.
        top_k: gallery rows per query to keep for pictures; 0 saves the time.
        clothes: of the queries and of the columns, for protocols that compare them.

    Returns:
        The scored ranking.

    Raises:
        ProtocolError: lengths differ, a distance is not finite, ids are not integers, or no query has a match.
    """
    rules = get_protocol(protocol)
    matrix = _checked_matrix(distances)
    queries, gallery = matrix.shape
    people = check_ids("q_pids", q_pids, queries), check_ids("g_pids", g_pids, gallery)
    cameras = check_ids("q_camids", q_camids, queries), check_ids("g_camids", g_camids, gallery)
    if rules.queries_in_gallery:
        _require_queries_inside(people, cameras, rules)
    pairs = same_person_pairs(*people, *cameras, rules, _worn(clothes, queries_in_gallery=False))
    scores: Scores = MatrixScores(matrix)
    if rules.same_camera_penalty:
        scores = _penalised(scores, *cameras, pairs)
    line_parts = {"distance": distance, "refiners": refiners, "dataset": dataset, "details": details}
    return _score(scores, pairs, people[1], rules, top_k, line_parts)


def _worn(
    clothes: tuple[Sequence[int] | np.ndarray, Sequence[int] | np.ndarray] | None, *, queries_in_gallery: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    if clothes is None:
        return None
    query, gallery = (np.asarray(numbers) for numbers in clothes)
    return query, np.concatenate([gallery, query]) if queries_in_gallery else gallery


def _score(
    scores: Scores,
    pairs: SamePersonPairs,
    g_pids: np.ndarray,
    rules: EvaluationProtocol,
    top_k: int,
    line_parts: dict,
) -> Ranking:
    offsets = pairs.match_offsets
    unmatched = np.flatnonzero(np.diff(offsets) == 0)
    if len(unmatched) == pairs.num_queries:
        raise ProtocolError(
            f"no query has a true match in the gallery under protocol {rules.name!r}; "
            "do query and gallery come from one dataset, and are camera numbers right?"
        )
    if len(unmatched) and rules.unmatched == "error":
        raise ProtocolError(
            f"{len(unmatched)} queries have no true match, the first at rows {unmatched[:5].tolist()}; "
            f"protocol {rules.name!r} requires one for each"
        )
    top = TopRows(scores, pairs, top_k)
    watch = top.see if top_k else None
    if rules.gallery_shot == "single":
        if top_k:
            ranks_of_matches(scores, pairs, watch=watch)
        ranks, ranks_offsets = np.empty(0, np.int64), np.zeros(len(offsets), np.int64)
        precision, penalty, first, cmc = single_shot_scores(scores, pairs, g_pids, rules)
    else:
        ranks, ranks_offsets = ranks_of_matches(scores, pairs, watch=watch), offsets
        precision = average_precision(ranks, offsets, rules.average_precision)
        penalty = inverse_negative_penalty(ranks, offsets)
        first = np.zeros(pairs.num_queries, dtype=np.int64)
        first[np.diff(offsets) > 0] = ranks[offsets[:-1][np.diff(offsets) > 0]]
        scored = pairs.num_queries if rules.unmatched == "zero" else pairs.num_queries - len(unmatched)
        cmc = cumulative_matching(first, scored, rules.max_rank)
    if rules.unmatched == "zero":
        precision[unmatched] = penalty[unmatched] = 0.0
    codes = top.indices + np.arange(pairs.num_queries)[:, None] * scores.shape[1]
    is_match = np.isin(codes, pairs.queries * scores.shape[1] + pairs.rows) & (top.indices >= 0)
    counts = (scores.shape[1] - len(pairs.excluded), pairs.num_queries - len(unmatched), len(unmatched))
    line = protocol_line(rules, counts=counts, **line_parts)
    return Ranking(
        precision,
        penalty,
        first,
        cmc,
        top.indices,
        top.distances,
        is_match,
        rules,
        line,
        ranks,
        ranks_offsets,
    )


def _checked_matrix(distances: Tensor | np.ndarray) -> Tensor:
    matrix = torch.as_tensor(distances).detach()
    if matrix.ndim != 2:
        raise ProtocolError(f"distances must be (Q, G), got shape {tuple(matrix.shape)}")
    if not matrix.is_floating_point() or matrix.dtype in (torch.float16, torch.bfloat16):
        matrix = matrix.float()
    if matrix.numel() and not torch.isfinite(torch.stack(torch.aminmax(matrix))).all():
        bad = (~torch.isfinite(matrix).all(dim=1)).nonzero().flatten().tolist()
        raise ProtocolError(
            f"distances of {len(bad)} queries are NaN or infinite, the first at rows {bad[:5]}"
        )
    return matrix


def _penalised(scores: Scores, q_camids: np.ndarray, g_camids: np.ndarray, pairs: SamePersonPairs) -> Scores:
    visible = np.ones(scores.shape[1], dtype=bool)
    visible[pairs.excluded] = False
    if not scores.is_exact:
        return SameCameraPenalty(scores, q_camids, g_camids, visible)
    matrix = scores.block(slice(None), slice(None))
    same = torch.from_numpy(q_camids[:, None] == g_camids).to(matrix.device)
    return MatrixScores(matrix + same * matrix[:, torch.from_numpy(visible).to(matrix.device)].max())


def _refined(query: Features, gallery: Features, distance: str, refiners: Sequence[Refiner]) -> Tensor:
    blocks = pairwise_distance_chunks(query.embeddings.float(), gallery.embeddings.float(), distance)
    matrix = torch.cat([block for _, block in blocks])
    for refiner in refiners:
        matrix = _checked_matrix(refiner(matrix, query, gallery))
        if matrix.shape != (len(query), len(gallery)):
            raise ProtocolError(
                f"refiner {_name(refiner)!r} returned {tuple(matrix.shape)}, expected {(len(query), len(gallery))}"
            )
    return matrix


def _name(refiner: Refiner) -> str:
    return str(getattr(refiner, "name", getattr(refiner, "__name__", type(refiner).__name__)))


def _refuse_queries_twice(query: Features, gallery: Features, rules: EvaluationProtocol) -> None:
    count = len(query)
    for rows in (slice(0, count), slice(len(gallery) - count, None)) if len(gallery) >= count else ():
        same_ids = np.array_equal(gallery.pids[rows], query.pids) and np.array_equal(
            gallery.camids[rows], query.camids
        )
        if count and same_ids and torch.equal(gallery.embeddings[rows], query.embeddings):
            raise ProtocolError(
                f"the gallery holds the {count} queries already, and protocol {rules.name!r} would append them again; "
                "give the gallery as the dataset publishes it"
            )


def _require_queries_inside(
    people: tuple[np.ndarray, np.ndarray], cameras: tuple[np.ndarray, np.ndarray], rules: EvaluationProtocol
) -> None:
    count = len(people[0])
    for rows in (slice(0, count), slice(max(0, len(people[1]) - count), None)):
        if np.array_equal(people[1][rows], people[0]) and np.array_equal(cameras[1][rows], cameras[0]):
            return
    raise ProtocolError(
        f"protocol {rules.name!r} has the queries in the gallery, but neither the first nor the last {count} "
        "columns are theirs; append the queries to the gallery before computing distances"
    )
