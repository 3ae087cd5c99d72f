"""The nouns of the library: frozen records that every floor shares.

Axes are always ``B T C H W`` (batch, frames of a clip, channels, height, width), ``D`` embedding width,
``K`` identities, ``Q`` queries, ``G`` gallery tracklets, ``N`` a set of tracklets.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import DatasetError, ProtocolError

__all__ = ["Clip", "Features", "Protocol", "Ranking", "ReIDOutput", "Splits", "Tracklet"]


@dataclass(frozen=True)
class Tracklet:
    """The frames of one person in one camera, in time order.

    Args:
        frames: one key per frame: an image path, or a key that `videoreid.data.frames.FrameReader` resolves.
        pid: person id; -1 is junk and 0 a distractor in the datasets that have them.
        camid: camera number, 0-based; -1 where the dataset knows no cameras.
        time: first frame number, or seconds, on the clock of its camera; NaN where unknown.
        end_time: the same for the last frame; NaN where unknown.
        clothes: number of the clothes worn, to be compared for one person only; -1 where unknown.

    Raises:
        DatasetError: there is no frame.
    """

    frames: Sequence[str]
    pid: int
    camid: int
    time: float = math.nan
    end_time: float = math.nan
    clothes: int = -1

    def __post_init__(self) -> None:
        if len(self.frames) == 0:
            raise DatasetError(
                f"empty tracklet (pid {self.pid}, camera {self.camid}): every tracklet needs one frame or more"
            )

    def __len__(self) -> int:
        return len(self.frames)


@dataclass(frozen=True)
class Splits:
    """A dataset: what to train on, what to ask, what to search.

    Train pids are labels ``0 .. K-1`` in the sorted order of the original ids; query and gallery keep theirs.

    Args:
        name: the dataset and, where it has several, the split ("mars", "prid2011/split0").
        train: training tracklets.
        query: tracklets to look for.
        gallery: tracklets to look in, as published for this dataset.
        protocol: name of the protocol by which the dataset is scored (see `videoreid.metrics.protocols`).
        licence: under which conditions the data may be used.
    """

    name: str
    train: tuple[Tracklet, ...] = ()
    query: tuple[Tracklet, ...] = ()
    gallery: tuple[Tracklet, ...] = ()
    protocol: str = "cross_camera"
    licence: str = "unknown"

    @property
    def num_train_pids(self) -> int:
        """Number of training identities K."""
        return len({tracklet.pid for tracklet in self.train})

    @property
    def num_train_cams(self) -> int:
        """Number of cameras seen in training."""
        return len({tracklet.camid for tracklet in self.train})

    def with_protocol(self, protocol: str) -> "Splits":
        """Return the same dataset, scored by another protocol."""
        return replace(self, protocol=protocol)


class Clip(NamedTuple):
    """T frames of a tracklet, or a batch of such clips.

    A NamedTuple, because `torch.utils.data` keeps its type through collation and pinning.
    Frames leave the loader as uint8 and are normalised on the device by `functional.normalise_frames`.

    Args:
        frames: ``(T, 3, H, W)``, batched ``(B, T, 3, H, W)``, RGB, uint8 in 0..255 or float, normalised.
        pid: int64, ``()`` or ``(B,)``.
        camid: int64, the same shape.
        time: float64, the same shape; NaN where unknown.
        index: int64, position of the tracklet in its split.
    """

    frames: Tensor
    pid: Tensor
    camid: Tensor
    time: Tensor
    index: Tensor  # type: ignore[assignment]  # a field named as tuple's method, which no one calls on a clip


class ReIDOutput(NamedTuple):
    """What a model in train mode returns.

    Args:
        embedding: ``(B, D)``, what retrieval compares; the same vector as the model returns in eval mode.
        logits: one ``(B, K)`` per classifier head.
        features: one ``(B, D_i)`` per metric-learning head; what triplet and centre losses see.
        extras: named tensors for particular losses ("frame_scores" ``(B, T)``, ...).
    """

    embedding: Tensor
    logits: tuple[Tensor, ...]
    features: tuple[Tensor, ...]
    extras: Mapping[str, Tensor] = {}


@dataclass(frozen=True, eq=False)
class Features:
    """Embeddings of N tracklets and what is known of each.

    Args:
        embeddings: ``(N, D)`` float tensor.
        pids: ``(N,)`` int64 array.
        camids: ``(N,)`` int64 array, 0-based.
        times: ``(N,)`` float64 array of first times; NaN where unknown.
        end_times: ``(N,)`` float64 array of last times; NaN where unknown.

    Raises:
        ProtocolError: lengths differ, ids are not integers, or an embedding is NaN or infinite.
    """

    embeddings: Tensor
    pids: np.ndarray
    camids: np.ndarray
    times: np.ndarray = field(default_factory=lambda: np.empty(0))
    end_times: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2:
            raise ProtocolError(f"embeddings must be (N, D), got shape {tuple(self.embeddings.shape)}")
        n = len(self.embeddings)
        for name in ("pids", "camids"):
            values = np.asarray(getattr(self, name))
            if not np.issubdtype(values.dtype, np.integer) and values.size:
                raise ProtocolError(f"{name} must be integers, got {values.dtype}")
            object.__setattr__(self, name, values.astype(np.int64))
        for name in ("times", "end_times"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values if values.size or n == 0 else np.full(n, np.nan))
        for name in ("pids", "camids", "times", "end_times"):
            if getattr(self, name).shape != (n,):
                shape = getattr(self, name).shape
                raise ProtocolError(
                    f"{n} embeddings but {name} of shape {shape}: every array needs one row a tracklet"
                )
        # in parts, because the test makes copies
        finite = [torch.isfinite(part).all(dim=1) for part in self.embeddings.split(4096)]
        bad = (~torch.cat(finite)).nonzero().flatten().tolist()
        if bad:
            raise ProtocolError(f"embeddings of {len(bad)} rows are NaN or infinite, the first at {bad[:5]}")

    def __len__(self) -> int:
        return len(self.embeddings)

    def select(self, rows: Any) -> "Features":
        """Return the given rows (indices or a boolean mask)."""
        picked = torch.as_tensor(np.arange(len(self))[np.asarray(rows)], dtype=torch.long)
        keep = picked.numpy()
        return Features(
            self.embeddings[picked],
            self.pids[keep],
            self.camids[keep],
            self.times[keep],
            self.end_times[keep],
        )

    def concat(self, other: "Features") -> "Features":
        """Return these rows followed by those of ``other``."""
        return Features(
            torch.cat([self.embeddings, other.embeddings.to(self.embeddings)]),
            np.concatenate([self.pids, other.pids]),
            np.concatenate([self.camids, other.camids]),
            np.concatenate([self.times, other.times]),
            np.concatenate([self.end_times, other.end_times]),
        )


@dataclass(frozen=True)
class Protocol:
    """The rules by which a ranking is scored.

    Args:
        name: how the protocol is printed and looked up.
        queries_in_gallery: the queries are appended to the gallery before ranking (official MARS).
        junk: which gallery rows are taken out of a query's list: those of the same person in the same camera
            ("same_camera"), none ("nothing").
        junk_pids: gallery pids that are removed for every query.
        unmatched: what happens to a query without a true match: left out and counted ("skip"), refused
            ("error"), or scored zero ("zero").
        average_precision: "standard", or "trapezoidal" (the Market-1501 toolkit).
        gallery_shot: "multi", or "single" (CUHK03: one random gallery row per identity, repeated).
        same_camera_penalty: add the largest distance to every same-camera pair; scores are then NOT comparable
            with the literature ("camera_aware").
        max_rank: length of the CMC curve.
        note: a caveat that is printed with every score.
        clothes: which matches count where people change their clothes: all ("any"), those in other clothes than the
            query's ("changed"), or those in the same ("same"); the person's other rows are junk then.
    """

    name: str
    queries_in_gallery: bool = False
    junk: Literal["same_camera", "nothing"] = "same_camera"
    junk_pids: tuple[int, ...] = (-1,)
    unmatched: Literal["skip", "error", "zero"] = "skip"
    average_precision: Literal["standard", "trapezoidal"] = "standard"
    gallery_shot: Literal["multi", "single"] = "multi"
    same_camera_penalty: bool = False
    max_rank: int = 50
    note: str = ""
    clothes: Literal["any", "changed", "same"] = "any"


@dataclass(frozen=True, eq=False)
class Ranking:
    """The scored answer to every query, from which tables, pictures and error analysis are all read.

    Args:
        average_precision: ``(Q,)`` float64; NaN where the query was not scored.
        inverse_negative_penalty: ``(Q,)`` float64, mINP's term (Ye et al., TPAMI 2021); NaN likewise.
        first_match: ``(Q,)`` int64, 1-based rank of the first true match; 0 where the query was not scored.
        cmc: ``(max_rank,)`` float64, share of the scored queries matched within each rank.
        top_indices: ``(Q, k)`` int64 gallery rows in ranked order, junk left out; -1 pads a short list.
        top_distances: ``(Q, k)`` float32, NaN where padded.
        top_matches: ``(Q, k)`` bool, whether the row shows the same person.
        protocol: the rules.
        protocol_line: the printed line: dataset, split, gallery rule, queries scored and skipped, distance, ...
        match_ranks: ``(P,)`` int64, 1-based ranks of all true matches, query by query, ascending in each; empty
            under a single gallery shot, where a query has one match a repetition.
        match_offsets: ``(Q + 1,)`` int64; query ``q`` owns ``match_ranks[match_offsets[q]:match_offsets[q + 1]]``.
    """

    average_precision: np.ndarray
    inverse_negative_penalty: np.ndarray
    first_match: np.ndarray
    cmc: np.ndarray
    top_indices: np.ndarray
    top_distances: np.ndarray
    top_matches: np.ndarray
    protocol: Protocol
    protocol_line: str
    match_ranks: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    match_offsets: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))

    @property
    def scored(self) -> np.ndarray:
        """``(Q,)`` bool: which queries count."""
        return ~np.isnan(self.average_precision)

    @property
    def mean_average_precision(self) -> float:
        """MAP over the scored queries, 0..1."""
        return float(np.nanmean(self.average_precision))

    @property
    def mean_inverse_negative_penalty(self) -> float:
        """MINP over the scored queries, 0..1."""
        return float(np.nanmean(self.inverse_negative_penalty))

    def rank(self, k: int) -> float:
        """Return CMC at rank ``k`` (1-based); past the end of the curve, its last value."""
        return float(self.cmc[min(k, len(self.cmc)) - 1])

    def summary(self) -> dict[str, float | int | str]:
        """Return the headline figures (0..1) together with the protocol line they belong to."""
        return {
            "mAP": self.mean_average_precision,
            "mINP": self.mean_inverse_negative_penalty,
            "rank1": self.rank(1),
            "rank5": self.rank(5),
            "rank10": self.rank(10),
            "rank20": self.rank(20),
            "queries_scored": int(self.scored.sum()),
            "queries_skipped": int((~self.scored).sum()),
            "protocol": self.protocol_line,
        }
