"""Query expansion and database augmentation."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.distances.rounding import check_lengths, row_norms
from videoreid.errors import ConfigError
from videoreid.types import Features

__all__ = ["augment_database", "expand_queries"]

_BLOCK_ELEMENTS = 8 << 20


def expand_queries(query: Features, gallery: Features, *, k: int = 5, alpha: float = 0.0) -> Features:
    """Replace each query by a weighted mean of itself and its ``k`` nearest gallery rows.

    A neighbour of cosine similarity ``s`` weighs ``max(s, 0) ** alpha``, the query itself 1: ``alpha = 0`` is the
    average query expansion, ``alpha = 3`` the usual weighted form. No label is used, so the neighbours may include
    junk of the protocol. With a protocol that puts the queries in the gallery, append the original queries to the
    gallery yourself and score by ``replace(protocol, queries_in_gallery=False)``: the gallery is not expanded.

    Args:
        query: Q tracklets.
        gallery: G tracklets.
        k: neighbours, 0..G.
        alpha: exponent, 0 or more.

    Returns:
        The queries with unit-length embeddings.

    Raises:
        ConfigError: ``k`` or ``alpha`` out of range.
        ProtocolError: an embedding is too long for float32.

    Reference:
        Chum et al., Total recall, ICCV 2007; Radenovic, Tolias, Chum, Fine-tuning CNN image retrieval with no human
        annotation, TPAMI 2019, section 3.5.
    """
    _check(k, alpha, len(gallery), "gallery rows")
    return replace(query, embeddings=_expand(query.embeddings, gallery.embeddings, k, alpha))


def augment_database(gallery: Features, *, k: int = 5, alpha: float = 0.0) -> Features:
    """Replace each gallery row by a weighted mean of itself and its ``k`` nearest gallery rows.

    Args:
        gallery: G tracklets.
        k: neighbours besides the row itself, 0..G - 1.
        alpha: exponent of the weights, as in `expand_queries`.

    Returns:
        The gallery with unit-length embeddings.

    Raises:
        ConfigError: ``k`` or ``alpha`` out of range.
        ProtocolError: an embedding is too long for float32.

    Reference:
        Turcot and Lowe, Better matching with fewer features, ICCV workshops 2009; Gordo et al., End-to-end learning
        of deep visual representations for image retrieval, IJCV 2017, section 4.2.
    """
    _check(k, alpha, len(gallery) - 1, "other gallery rows")
    return replace(gallery, embeddings=_expand(gallery.embeddings, None, k, alpha))


def _check(k: int, alpha: float, most: int, what: str) -> None:
    if not 0 <= k <= most:
        raise ConfigError(f"k is {k}, but there are {most} {what}; choose 0..{most}")
    if not 0 <= alpha < float("inf"):
        raise ConfigError(f"alpha is {alpha}; it must be a finite number of 0 or more")


def _expand(rows: Tensor, others: Tensor | None, k: int, alpha: float) -> Tensor:
    """Return expanded rows; without ``others`` the neighbours of a row are the nearest of the other rows."""
    check_lengths(*(row_norms(side) for side in (rows, others) if side is not None))
    rows = F.normalize(rows.float(), dim=1)
    base = rows if others is None else F.normalize(others.float(), dim=1)
    result = torch.empty_like(rows)
    step = max(1, _BLOCK_ELEMENTS // max(len(base), k * base.shape[1], 1))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        similarity = part @ base.t()
        if others is None:
            itself = torch.arange(len(part), device=part.device)
            similarity[itself, itself + start] = -torch.inf
        values, nearest = similarity.topk(k, dim=1)  # (n, k)
        weights = values.clamp_min(0.0).pow(alpha).unsqueeze(2)
        result[start : start + step] = part + (base[nearest] * weights).sum(1)
    return F.normalize(result, dim=1)
