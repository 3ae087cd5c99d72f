"""Inputs and results of every index: checked embeddings and keys, and the search result."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from videoreid.distances.rounding import LONGEST
from videoreid.errors import ProtocolError
from videoreid.utils.arrays import as_ids, as_tensor

__all__ = ["SearchResult", "own_keys", "prepared_embeddings"]


class SearchResult(NamedTuple):
    """The nearest gallery tracklets of Q queries, nearest first.

    Args:
        keys: ``(Q, k)`` int64 keys returned by `GalleryIndex.add`; -1 where fewer than ``k`` tracklets were found.
        distances: ``(Q, k)`` float32; NaN likewise.
        pids: ``(Q, k)`` int64; -1 likewise.
        camids: ``(Q, k)`` int64; -1 likewise.
    """

    keys: np.ndarray
    distances: np.ndarray
    pids: np.ndarray
    camids: np.ndarray


def prepared_embeddings(values: Tensor | np.ndarray, width: int, distance: str) -> Tensor:
    """Return float32 embeddings ``(N, D)`` on the CPU, of unit length for the cosine distance.

    Raises:
        ProtocolError: the embeddings are not of this width, NaN, infinite, or too long for float32.
    """
    embeddings = as_tensor("embeddings", values)
    if embeddings.ndim != 2 or embeddings.shape[1] != width:
        raise ProtocolError(f"expected embeddings (N, {width}), got {tuple(embeddings.shape)}")
    embeddings = embeddings.detach().to("cpu", torch.float32)
    bad = (~(torch.linalg.vector_norm(embeddings, dim=1) <= LONGEST)).nonzero().flatten().tolist()
    if bad:
        raise ProtocolError(
            f"embeddings of {len(bad)} rows are NaN, infinite, or longer than {LONGEST:g}, beyond which squares "
            f"leave the range of float32; the first at {bad[:5]}"
        )
    return F.normalize(embeddings, dim=1) if distance == "cosine" else embeddings


def own_keys(keys: np.ndarray | Sequence[int], count: int) -> np.ndarray:
    """Return checked keys of a user, ``(count,)`` int64.

    Raises:
        ProtocolError: the keys are not ``count`` different integers of 0 or more.
    """
    own = as_ids("keys", keys)
    if own.shape != (count,) or len(np.unique(own)) < len(own) or own.min(initial=0) < 0:
        raise ProtocolError(f"{count} tracklets need as many different keys of 0 or more; got {own.shape}")
    if own.max(initial=0) >= np.iinfo(np.int64).max:
        raise ProtocolError(
            f"key {int(own.max())} is the largest integer, so the next tracklet would have no key"
        )
    return own
