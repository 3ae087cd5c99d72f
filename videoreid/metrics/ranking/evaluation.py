"""Evaluation by a named protocol: CMC, AP and mINP of every query, and the protocol line."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from videoreid.distances import DistanceSource, FeatureSource, MatrixSource
from videoreid.distances.sources import check_finite
from videoreid.errors import ProtocolError
from videoreid.metrics.precision import average_precision, cumulative_matching, inverse_negative_penalty
from videoreid.metrics.ranking.camera_penalty import SameCameraPenalty
from videoreid.metrics.ranking.counting import ranked_matches
from videoreid.metrics.ranking.pairs import SamePersonPairs, check_ids, same_person_pairs
from videoreid.metrics.ranking.protocols import get_protocol, protocol_line
from videoreid.metrics.ranking.single_shot import single_shot_cmc
from videoreid.metrics.ranking.top_k import TopRows
from videoreid.types import EvaluationProtocol, Features, RankedGallery, Ranking
from videoreid.utils.arrays import as_tensor

__all__ = ["Refiner", "evaluate_distances", "evaluate_features"]


Clothes = tuple[Sequence[int] | np.ndarray, Sequence[int] | np.ndarray]


class Refiner(Protocol):
    """A step that changes distances after they are computed: re-ranking, the spatial-temporal metric, ..."""

    @property
    def name(self) -> str:
        """Name in the protocol line."""

    def __call__(
        self, distances: DistanceSource, query: Features, gallery: Features
    ) -> DistanceSource | Tensor | np.ndarray:
        """Return new distances, as a source or as a matrix ``(Q, G)``; ``distances.dense()`` is the matrix so far."""


def evaluate_features(
    query: Features,
    gallery: Features,
    *,
    protocol: str | EvaluationProtocol = "cross_camera",
    distance: str = "cosine",
    refiners: Sequence[Refiner] = (),
    dataset: str = "",
    details: Mapping[str, str] | None = None,
    top_k: int = 20,
) -> Ranking:
    """Rank the gallery for every query and score the result.

    Distances are computed in blocks, so memory does not grow with Q x G. The same holds with `KReciprocal` and the
    spatial-temporal metric as refiners; other refiners may request the whole matrix. Comparisons that float32 rounding
    could decide are repeated in float64: the ranks depend on the features alone, not on block sizes or the device.
    Ties are in gallery order.

    Args:
        query: Q tracklets.
        gallery: G tracklets, as the dataset publishes them; a protocol with the queries in the gallery appends them.
        protocol: a record or its name, see `list_protocols`.
        distance: "cosine", "euclidean" or "squared_euclidean".
        refiners: applied in order to the distances, each named in the protocol line.
        dataset: dataset and split, for the protocol line.
        details: how the features were made, for the protocol line ("frames": "all", "flip": "no").
        top_k: gallery rows per query to keep for pictures; 0 keeps none and is faster.

    Returns:
        The scored ranking. Its gallery rows are those of ``gallery``, then of the appended queries;
        `Ranking.searched` turns them into tracklets.

    Raises:
        ProtocolError: the features do not fit each other or the protocol, or no query has a match.
    """
    rules, published = get_protocol(protocol), len(gallery)
    if rules.queries_in_gallery:
        _refuse_queries_twice(query, gallery, rules)
        gallery = gallery.concat(query)
    start = published if rules.queries_in_gallery else None
    searched = RankedGallery(gallery.pids, gallery.camids, start, len(query))
    source: DistanceSource = FeatureSource(query.embeddings, gallery.embeddings, distance)
    pairs = same_person_pairs(
        query.pids, gallery.pids, query.camids, gallery.camids, rules, (query.clothes, gallery.clothes)
    )
    for refiner in refiners:
        source = _refined(refiner, source, query, gallery)
    if rules.same_camera_penalty:
        source = _penalised(source, query.camids, gallery.camids, pairs)
    line_parts = {
        "distance": distance,
        "refiners": [_name(refiner) for refiner in refiners],
        "dataset": dataset,
    }
    return _score(source, pairs, searched, rules, top_k, {**line_parts, "details": details})


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
    clothes: Clothes | None = None,
) -> Ranking:
    """Score distances that were computed elsewhere; smaller is nearer, ties are in gallery order.

    Under a protocol with the queries in the gallery the matrix must have their columns, first or last.

    Args:
        distances: ``(Q, G)`` float, finite.
        q_pids: ``(Q,)`` integers.
        g_pids: ``(G,)`` integers.
        q_camids: ``(Q,)`` integers.
        g_camids: ``(G,)`` integers.
        protocol: a record or its name.
        distance: name of the distance in the matrix, for the protocol line.
        refiners: names of the refiners that changed the matrix, for the protocol line.
        dataset: dataset and split, for the protocol line.
        details: how the features were made, for the protocol line.
        top_k: gallery rows per query to keep for pictures; 0 keeps none and is faster.
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
    start = _find_queries(people, cameras, rules) if rules.queries_in_gallery else None
    searched = RankedGallery(people[1], cameras[1], start, queries)
    pairs = same_person_pairs(*people, *cameras, rules, None if clothes is None else _as_arrays(clothes))
    source: DistanceSource = MatrixSource(matrix)
    if rules.same_camera_penalty:
        source = _penalised(source, *cameras, pairs)
    line_parts = {"distance": distance, "refiners": refiners, "dataset": dataset, "details": details}
    return _score(source, pairs, searched, rules, top_k, line_parts)


def _as_arrays(clothes: Clothes) -> tuple[np.ndarray, np.ndarray]:
    query, gallery = (np.asarray(numbers) for numbers in clothes)
    return query, gallery


def _score(
    source: DistanceSource,
    pairs: SamePersonPairs,
    gallery: RankedGallery,
    rules: EvaluationProtocol,
    top_k: int,
    line_parts: dict,
) -> Ranking:
    offsets, unmatched = pairs.match_offsets, _unmatched_queries(pairs, rules)
    if rules.gallery_shot == "single" and source.row_step:  # every draw reads all distances
        source = MatrixSource(source.dense())
    top = TopRows(source, pairs, top_k)
    ranks, same_person = ranked_matches(source, pairs, watch=top.see if top_k else None)
    precision = average_precision(ranks, offsets, rules.average_precision)
    penalty = inverse_negative_penalty(ranks, offsets)
    if rules.gallery_shot == "single":
        first, cmc = single_shot_cmc(source, pairs, gallery.pids, rules)
    else:
        first = np.zeros(pairs.num_queries, dtype=np.int64)
        first[np.diff(offsets) > 0] = ranks[offsets[:-1][np.diff(offsets) > 0]]
        scored = pairs.num_queries if rules.unmatched == "zero" else pairs.num_queries - len(unmatched)
        cmc = cumulative_matching(first, scored, rules.max_rank)
    if rules.unmatched == "zero":
        precision[unmatched] = penalty[unmatched] = 0.0
    codes = top.indices + np.arange(pairs.num_queries)[:, None] * source.shape[1]
    is_match = np.isin(codes, pairs.queries * source.shape[1] + pairs.rows) & (top.indices >= 0)
    counts = (source.shape[1] - len(pairs.excluded), pairs.num_queries - len(unmatched), len(unmatched))
    line = protocol_line(rules, counts=counts, **line_parts)
    shown = top.indices, top.distances, is_match
    return Ranking(precision, penalty, first, cmc, *shown, rules, line, ranks, offsets, gallery, same_person)


def _unmatched_queries(pairs: SamePersonPairs, rules: EvaluationProtocol) -> np.ndarray:
    """Return the queries without a true match, if the protocol allows them."""
    unmatched = np.flatnonzero(np.diff(pairs.match_offsets) == 0)
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
    return unmatched


def _checked_matrix(distances: Tensor | np.ndarray) -> Tensor:
    matrix = as_tensor("distances", distances).detach()
    if matrix.ndim != 2:
        raise ProtocolError(f"distances must be (Q, G), got shape {tuple(matrix.shape)}")
    if not matrix.is_floating_point() or matrix.dtype in (torch.float16, torch.bfloat16):
        matrix = matrix.float()
    check_finite(matrix)
    return matrix


def _penalised(
    source: DistanceSource, q_camids: np.ndarray, g_camids: np.ndarray, pairs: SamePersonPairs
) -> DistanceSource:
    visible = np.ones(source.shape[1], dtype=bool)
    visible[pairs.excluded] = False
    if not source.is_exact:
        return SameCameraPenalty(source, q_camids, g_camids, visible)
    matrix = source.dense()
    same = torch.from_numpy(q_camids[:, None] == g_camids).to(matrix.device)
    return MatrixSource(matrix + same * matrix[:, torch.from_numpy(visible).to(matrix.device)].max())


def _refined(refiner: Refiner, source: DistanceSource, query: Features, gallery: Features) -> DistanceSource:
    refined = refiner(source, query, gallery)
    if isinstance(refined, Tensor | np.ndarray):
        refined = MatrixSource(_checked_matrix(refined))
    if tuple(refined.shape) != source.shape:
        raise ProtocolError(
            f"refiner {_name(refiner)!r} returned {tuple(refined.shape)}, expected {source.shape}"
        )
    return refined


def _name(refiner: Refiner) -> str:
    return str(getattr(refiner, "name", getattr(refiner, "__name__", type(refiner).__name__)))


def _refuse_queries_twice(query: Features, gallery: Features, rules: EvaluationProtocol) -> None:
    """Raise ProtocolError if every query is a gallery row already, wherever it is."""
    if len(query) == 0 or len(gallery) < len(query):
        return
    same = np.isin(_pairs_of(gallery.pids, gallery.camids), _pairs_of(query.pids, query.camids))
    inside = {
        (pid, camid, row.tobytes())
        for pid, camid, row in zip(
            gallery.pids[same].tolist(),
            gallery.camids[same].tolist(),
            _as_bytes(gallery.embeddings[torch.from_numpy(same)]),
            strict=True,
        )
    }
    rows = zip(query.pids.tolist(), query.camids.tolist(), _as_bytes(query.embeddings), strict=True)
    if all((pid, camid, row.tobytes()) in inside for pid, camid, row in rows):
        raise ProtocolError(
            f"the gallery holds the {len(query)} queries already, and protocol {rules.name!r} would append them again; "
            "give the gallery without them, or a protocol with queries_in_gallery=False"
        )


def _pairs_of(pids: np.ndarray, camids: np.ndarray) -> np.ndarray:
    """Return one structured value per row, equal for rows of equal pid and camid."""
    return np.stack([pids, camids], axis=1).view("i8,i8").ravel()


def _as_bytes(rows: Tensor) -> np.ndarray:
    return rows.detach().cpu().contiguous().view(torch.uint8).numpy()


def _find_queries(
    people: tuple[np.ndarray, np.ndarray], cameras: tuple[np.ndarray, np.ndarray], rules: EvaluationProtocol
) -> int | None:
    """Return the first column of the queries, which are the first or the last columns; None if both would fit."""
    count, columns = len(people[0]), len(people[1])
    starts = [
        start
        for start in sorted({0, max(0, columns - count)})
        if np.array_equal(people[1][start : start + count], people[0])
        and np.array_equal(cameras[1][start : start + count], cameras[0])
    ]
    if not starts:
        raise ProtocolError(
            f"protocol {rules.name!r} has the queries in the gallery, but neither the first nor the last {count} "
            "columns have their pids and camids; append the queries to the gallery before computing distances"
        )
    return starts[0] if len(starts) == 1 else None
