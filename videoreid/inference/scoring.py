"""Evaluation of a model: extraction of query and gallery, ranking and scores by a protocol."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from videoreid.errors import ProtocolError
from videoreid.inference.extraction import Precision, extract_features
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.metrics import evaluate_features
from videoreid.types import Clip, EvaluationProtocol, Features, Ranking, Tracklet

__all__ = ["check_matches", "evaluate", "evaluate_and_keep"]


def evaluate(
    model: nn.Module,
    query_loader: Iterable[Clip],
    gallery_loader: Iterable[Clip],
    *,
    device: torch.device | str | None = None,
    flip: bool = False,
    precision: Precision = "float32",
    progress: bool = True,
    **scoring: Any,
) -> Ranking:
    """Return the scored ranking of every query against the gallery.

    `evaluate_and_keep` returns the features too.

    Args:
        model: see `extract_features`.
        query_loader: clips of the query tracklets.
        gallery_loader: clips of the gallery tracklets.
        device: device of the computation; None takes that of the model.
        flip: add the embedding of the mirrored frames.
        precision: arithmetic of the forward pass.
        progress: show a bar on standard error.
        scoring: keywords of `videoreid.metrics.evaluate_features` (``protocol``, ``distance``, ``refiners``, ...).
    """
    options: dict[str, Any] = {"device": device, "flip": flip, "precision": precision, "progress": progress}
    return evaluate_and_keep(model, query_loader, gallery_loader, **options, **scoring)[0]


def evaluate_and_keep(
    model: nn.Module,
    query_loader: Iterable[Clip],
    gallery_loader: Iterable[Clip],
    *,
    device: torch.device | str | None = None,
    flip: bool = False,
    precision: Precision = "float32",
    progress: bool = True,
    **scoring: Any,
) -> tuple[Ranking, Features, Features]:
    """Return the ranking of `evaluate`, and the features of queries and gallery.

    Args:
        model: see `extract_features`.
        query_loader: clips of the query tracklets.
        gallery_loader: clips of the gallery tracklets.
        device: device of the computation; None takes that of the model.
        flip: add the embedding of the mirrored frames.
        precision: arithmetic of the forward pass.
        progress: show a bar on standard error.
        scoring: keywords of `videoreid.metrics.evaluate_features`.
    """
    query, gallery = (
        extract_features(model, loader, device=device, flip=flip, precision=precision, progress=progress)
        for loader in (query_loader, gallery_loader)
    )
    details = {**_frames_detail(query_loader), "flip": "yes" if flip else "no", **scoring.pop("details", {})}
    return evaluate_features(query, gallery, details=details, **scoring), query, gallery


def check_matches(
    query: Sequence[Tracklet],
    gallery: Sequence[Tracklet],
    *,
    protocol: str | EvaluationProtocol = "cross_camera",
) -> None:
    """Raise ProtocolError if no query can have a match, before a training that could not be scored.

    Whether a query has a match depends only on people, cameras and clothes. So one query and one gallery row of each
    combination are scored by the rules of the protocol, without reading a picture.

    Args:
        query: query tracklets.
        gallery: gallery tracklets, as the dataset publishes them.
        protocol: a record or its name, see `videoreid.metrics.list_protocols`.

    Raises:
        ProtocolError: no query can have a match, or the protocol needs ids that are unknown.
    """
    people = [sorted({(t.pid, t.camid, t.clothes) for t in part}) for part in (query, gallery)]
    rows = [np.array(part, dtype=np.int64).reshape(-1, 3) for part in people]
    places = (
        torch.arange(len(rows[0]) + len(rows[1]), dtype=torch.float32)
        .unsqueeze(1)
        .split([len(r) for r in rows])
    )
    queries, searched = (
        Features(place, ids[:, 0], ids[:, 1], clothes=ids[:, 2])
        for place, ids in zip(places, rows, strict=True)
    )
    try:
        evaluate_features(queries, searched, protocol=protocol, distance="euclidean", top_k=0)
    except ProtocolError as error:
        shared = {pid for pid, _, _ in people[0]} & {pid for pid, _, _ in people[1]}
        cameras = {camid for part in people for _, camid, _ in part}
        raise ProtocolError(
            f"no training could be scored: {error} ({len(query)} queries and {len(gallery)} gallery tracklets share "
            f"{len(shared)} people and are from {len(cameras)} camera(s). With a single camera, use the protocol "
            "'any_camera', or train without validation)"
        ) from error


def _frames_detail(loader: Iterable[Clip]) -> dict[str, str]:
    """Return the number of frames and the sampling rule for the protocol line, if the loader's dataset has them."""
    info = LoaderInfo.of(loader)
    if info.num_frames is None:
        return {}
    return {"frames": f"{info.num_frames}{'' if info.sampling is None else f' {info.sampling}'}"}
