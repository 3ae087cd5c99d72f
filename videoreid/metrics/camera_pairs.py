"""Rank-1 of every pair of query camera and gallery camera."""

from dataclasses import replace

import numpy as np

from videoreid.metrics.ranking import evaluate_features, get_protocol
from videoreid.metrics.ranking.pairs import same_person_pairs
from videoreid.types import EvaluationProtocol, Features

__all__ = ["camera_pair_rank1"]


def camera_pair_rank1(
    query: Features,
    gallery: Features,
    *,
    protocol: str | EvaluationProtocol = "cross_camera",
    distance: str = "cosine",
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return Rank-1 of the queries of one camera against the gallery of another, for every pair of cameras.

    Each cell is a separate evaluation: only gallery tracklets of the column's camera are searched, and only those
    queries of the row's camera count that have a true match there.

    Args:
        query: Q tracklets.
        gallery: G tracklets, as the dataset publishes them; a protocol with the queries in the gallery appends them.
        protocol: a record or its name.
        distance: "cosine", "euclidean" or "squared_euclidean".

    Returns:
        Cameras of the queries ``(a,)`` and of the gallery ``(b,)``, sorted; Rank-1 ``(a, b)`` in 0..1, NaN where no
        query has a match; and the number of scored queries ``(a, b)``.
    """
    rules = get_protocol(protocol)
    if rules.queries_in_gallery:
        gallery = gallery.concat(query)
    rules = replace(rules, queries_in_gallery=False, gallery_shot="multi", unmatched="skip")
    rows, columns = np.unique(query.camids), np.unique(gallery.camids)
    rates, counts = np.full((len(rows), len(columns)), np.nan), np.zeros((len(rows), len(columns)), np.int64)
    for column, camera in enumerate(columns):
        part = gallery.select(gallery.camids == camera)
        clothes = (query.clothes, part.clothes)
        pairs = same_person_pairs(query.pids, part.pids, query.camids, part.camids, rules, clothes)
        if not pairs.is_match.any():
            continue
        ranking = evaluate_features(query, part, protocol=rules, distance=distance, top_k=0)
        for row, own in enumerate(rows):
            first = ranking.first_match[ranking.scored & (query.camids == own)]
            counts[row, column] = len(first)
            if len(first):
                rates[row, column] = float((first == 1).mean())
    return rows, columns, rates, counts
