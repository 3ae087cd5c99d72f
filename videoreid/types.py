"""The record types of the library, which all subpackages share.

Axes are always ``B T C H W`` (batch, frames of a clip, channels, height, width), ``D`` embedding width,
``K`` identities, ``Q`` queries, ``G`` gallery tracklets, ``N`` a set of tracklets.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import DatasetError, ProtocolError
from videoreid.ranking import EvaluationProtocol, RankedGallery, Ranking, SamePersonRows
from videoreid.utils.arrays import as_ids, as_tensor, as_times
from videoreid.utils.printing import count_of, html_table

__all__ = [
    "Clip",
    "EvaluationProtocol",
    "Features",
    "RankedGallery",
    "Ranking",
    "ReIDOutput",
    "SamePersonRows",
    "Splits",
    "Tracklet",
]


@dataclass(frozen=True)
class Tracklet:
    """The frames of one person in one camera, in time order.

    Args:
        frames: one key per frame: an image path, or a key that `videoreid.data.frames.FrameReader` resolves.
        pid: person id; -1 is junk and 0 a distractor in the datasets that have them.
        camid: camera number, 0-based; -1 if the dataset has no cameras.
        time: first frame number, or seconds, on the clock of its camera; NaN if unknown.
        end_time: the same for the last frame; NaN if unknown.
        clothes: number of the outfit, comparable only within one person; -1 if unknown.

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

    def __repr__(self) -> str:
        frames = count_of(len(self), "frame")
        return f"Tracklet(pid {self.pid}, camera {self.camid}, {frames} from {str(self.frames[0])[-80:]!r})"


@dataclass(frozen=True)
class Splits:
    """The training, query and gallery tracklets of a dataset.

    Train pids are labels ``0 .. K-1`` in the sorted order of the original ids; query and gallery keep the original ids.

    Args:
        name: the dataset and, if it has several, the split ("mars", "prid2011/split0").
        train: training tracklets.
        query: query tracklets.
        gallery: gallery tracklets, as published for this dataset.
        protocol: name of the evaluation protocol of the dataset (see `videoreid.metrics.list_protocols`).
        licence: conditions of use of the data.
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

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {self._count(name)}" for name in ("train", "query", "gallery"))
        return f"Splits({self.name!r}, protocol {self.protocol!r}: {parts})"

    def _repr_html_(self) -> str:
        rows = []
        for name in ("train", "query", "gallery"):
            part = getattr(self, name)
            pids, cameras = ({getattr(item, key) for item in part} for key in ("pid", "camid"))
            numbers = (len(part), len(pids), len(cameras), sum(map(len, part)))
            rows.append((name, *(f"{number:,}" for number in numbers)))
        title = f"{self.name}, protocol {self.protocol}, licence: {self.licence}"
        return html_table(title, rows, head=("", "tracklets", "people", "cameras", "frames"))

    def _count(self, name: str) -> str:
        part = getattr(self, name)
        people = count_of(len({tracklet.pid for tracklet in part}), "person", "people")
        return f"{count_of(len(part), 'tracklet')} of {people}"

    def with_protocol(self, protocol: str) -> "Splits":
        """Return the same dataset with another evaluation protocol."""
        return replace(self, protocol=protocol)


class Clip(NamedTuple):
    """T frames of a tracklet, or a batch of such clips.

    A NamedTuple, because `torch.utils.data` keeps its type through collation and pinning.
    Frames leave the loader as uint8 and are normalised on the device by `functional.normalise_frames`.

    Args:
        frames: ``(T, 3, H, W)``, batched ``(B, T, 3, H, W)``, RGB, uint8 in 0..255 or float, normalised.
        pid: int64, ``()`` or ``(B,)``.
        camid: int64, the same shape.
        time: float64, the same shape; NaN if unknown.
        index: int64, position of the tracklet in its split.
    """

    frames: Tensor
    pid: Tensor
    camid: Tensor
    time: Tensor
    index: Tensor  # type: ignore[assignment]  # a field named as tuple's method, which no one calls on a clip

    def __repr__(self) -> str:
        return f"Clip({_shapes(self._asdict())})"


class ReIDOutput(NamedTuple):
    """The output of a model in train mode.

    Args:
        embedding: ``(B, D)``, the vector for retrieval, which the model returns in eval mode.
        logits: one ``(B, K)`` per classifier head.
        features: one ``(B, D_i)`` per metric-learning head, the input of triplet and centre losses.
        extras: named tensors for particular losses ("frame_scores" ``(B, T)``, ...).
    """

    embedding: Tensor
    logits: tuple[Tensor, ...]
    features: tuple[Tensor, ...]
    extras: Mapping[str, Tensor] = {}

    def __repr__(self) -> str:
        return f"ReIDOutput({_shapes(self._asdict())})"


def _shapes(values: Mapping[str, Any]) -> str:
    """Return names, shapes and types of tensors, for printing."""
    return ", ".join(f"{name} {_shape(value)}" for name, value in values.items())


def _shape(value: Any) -> str:
    if isinstance(value, Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{tuple(value.shape)} {dtype}" if value.ndim else str(value.item())
    if isinstance(value, Mapping):
        return "{" + _shapes(value) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_shape(item) for item in value) + "]"
    return type(value).__name__


@dataclass(frozen=True, eq=False)
class Features:
    """Embeddings of N tracklets with their persons, cameras, times and clothes.

    Args:
        embeddings: ``(N, D)`` float tensor, or a NumPy array, which is converted.
        pids: ``(N,)`` int64 array.
        camids: ``(N,)`` int64 array, 0-based.
        times: ``(N,)`` float64 array of first times; NaN if unknown.
        end_times: ``(N,)`` float64 array of last times; NaN if unknown.
        clothes: ``(N,)`` int64 array of outfit numbers, see `Tracklet`; -1 if unknown.

    Raises:
        ProtocolError: lengths differ, ids are not integers, times are not numbers, or an embedding is NaN or infinite.
    """

    embeddings: Tensor
    pids: np.ndarray
    camids: np.ndarray
    times: np.ndarray = field(default_factory=lambda: np.empty(0))
    end_times: np.ndarray = field(default_factory=lambda: np.empty(0))
    clothes: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        object.__setattr__(self, "embeddings", as_tensor("embeddings", self.embeddings))
        if self.embeddings.ndim != 2:
            raise ProtocolError(f"embeddings must be (N, D), got shape {tuple(self.embeddings.shape)}")
        n = len(self.embeddings)
        for name in ("pids", "camids", "clothes"):
            ids = as_ids(name, getattr(self, name))
            object.__setattr__(self, name, np.full(n, -1) if name == "clothes" and not ids.size else ids)
        for name in ("times", "end_times"):
            values = as_times(name, getattr(self, name))
            object.__setattr__(self, name, values if values.size or n == 0 else np.full(n, np.nan))
        for name in ("pids", "camids", "times", "end_times", "clothes"):
            if getattr(self, name).shape != (n,):
                shape = getattr(self, name).shape
                raise ProtocolError(
                    f"{n} embeddings but {name} of shape {shape}: every array needs one row per tracklet"
                )
        # in parts, because isfinite makes copies
        finite = [torch.isfinite(part).all(dim=1) for part in self.embeddings.split(4096)]
        bad = (~torch.cat(finite)).nonzero().flatten().tolist()
        if bad:
            raise ProtocolError(f"embeddings of {len(bad)} rows are NaN or infinite, the first at {bad[:5]}")

    def __len__(self) -> int:
        return len(self.embeddings)

    def __repr__(self) -> str:
        dtype = str(self.embeddings.dtype).removeprefix("torch.")
        return f"Features({self._size()} {dtype}: {', '.join(self._known())})"

    def _repr_html_(self) -> str:
        rows = [text.split(" ", 1)[::-1] for text in self._known()[:2]]
        known = [(name, f"{int(share):,}") for name, share in self._shares()]
        return html_table(f"Features, {self._size()}", [*rows, *known])

    def _size(self) -> str:
        return f"{len(self):,} x {self.embeddings.shape[1]}"

    def _known(self) -> list[str]:
        people = count_of(len(np.unique(self.pids)), "person", "people")
        cameras = count_of(len(np.unique(self.camids)), "camera")
        return [people, cameras, *(f"{name} {int(count):,}" for name, count in self._shares() if count)]

    def _shares(self) -> list[tuple[str, float]]:
        times, clothes = np.isfinite(self.times).sum(), (self.clothes >= 0).sum()
        return [("with times", times), ("with clothes", clothes)]

    @classmethod
    def of(cls, embeddings: Tensor, tracklets: Sequence[Tracklet]) -> "Features":
        """Combine embeddings ``(N, D)`` with person, camera, times and clothes of their N tracklets."""
        names = {
            "pids": "pid",
            "camids": "camid",
            "times": "time",
            "end_times": "end_time",
            "clothes": "clothes",
        }
        arrays = {name: np.array([getattr(t, one) for t in tracklets]) for name, one in names.items()}
        return cls(embeddings, **arrays)

    def select(self, rows: Any) -> "Features":
        """Return the given rows: indices ``(n,)`` or a boolean mask ``(N,)``."""
        picked = torch.as_tensor(np.arange(len(self))[np.asarray(rows)], dtype=torch.long)
        keep = picked.numpy()
        return Features(
            self.embeddings[picked],
            self.pids[keep],
            self.camids[keep],
            self.times[keep],
            self.end_times[keep],
            self.clothes[keep],
        )

    def concat(self, other: "Features") -> "Features":
        """Return these rows followed by those of ``other``."""
        return Features(
            torch.cat([self.embeddings, other.embeddings.to(self.embeddings)]),
            np.concatenate([self.pids, other.pids]),
            np.concatenate([self.camids, other.camids]),
            np.concatenate([self.times, other.times]),
            np.concatenate([self.end_times, other.end_times]),
            np.concatenate([self.clothes, other.clothes]),
        )

    def normalised(self) -> "Features":
        """Return a copy with embeddings of length 1."""
        return replace(self, embeddings=torch.nn.functional.normalize(self.embeddings, dim=1))
