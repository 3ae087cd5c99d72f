"""The nearest true match of each query, from the distances to that person's tracklets alone."""

import numpy as np
import torch

from videoreid.errors import ConfigError
from videoreid.metrics import get_protocol
from videoreid.metrics.ranking.pairs import same_person_pairs
from videoreid.types import EvaluationProtocol, Features

__all__ = ["best_true_matches"]


def best_true_matches(
    query: Features,
    gallery: Features,
    *,
    protocol: str | EvaluationProtocol = "cross_camera",
    distance: str = "cosine",
) -> np.ndarray:
    """Return the gallery row of each query's nearest true match, at any rank.

    A ranking keeps only the first answers, so it does not know the best match of a query whose match ranks lower.

    Args:
        query: Q tracklets.
        gallery: G tracklets, as the dataset publishes them; a protocol with the queries in the gallery appends them.
        protocol: defines which rows count.
        distance: "cosine", "euclidean" or "squared_euclidean".

    Returns:
        ``(Q,)`` int64; -1 where there is no true match. Of equal distances the first row is taken.

    Raises:
        ConfigError: an unknown distance.
        ProtocolError: the protocol needs cameras or clothes that are unknown.
    """
    if distance not in ("cosine", "euclidean", "squared_euclidean"):
        raise ConfigError(
            f"unknown distance {distance!r}; choose 'cosine', 'euclidean' or 'squared_euclidean'"
        )
    rules = get_protocol(protocol)
    searched = gallery.concat(query) if rules.queries_in_gallery else gallery
    pairs = same_person_pairs(
        query.pids,
        searched.pids,
        query.camids,
        searched.camids,
        rules,
        (query.clothes, searched.clothes),
    )
    queries, rows = pairs.queries[pairs.is_match], pairs.rows[pairs.is_match]
    found = np.full(len(query), -1, np.int64)
    lengths = np.empty(len(rows))
    sides = [features.embeddings.detach().cpu() for features in (query, searched)]
    for start in range(0, len(rows), 65536):
        part = slice(start, start + 65536)
        one, two = (
            side[torch.from_numpy(index[part])].double()
            for side, index in zip(sides, (queries, rows), strict=True)
        )
        if distance == "cosine":
            lengths[part] = 1.0 - torch.nn.functional.cosine_similarity(one, two).numpy()
        else:
            lengths[part] = (one - two).square().sum(dim=1).numpy()
    order = np.lexsort((rows, lengths, queries))
    first = order[np.unique(queries[order], return_index=True)[1]]
    found[queries[first]] = rows[first]
    return found
