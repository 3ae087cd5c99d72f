"""Scoring of torchreid's engines: keywords, targets and protocols."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from videoreid.engine.evaluation_files import save_evaluation
from videoreid.errors import ConfigError, ProtocolError
from videoreid.inference.extraction import extract_features
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.inference.scoring import check_matches
from videoreid.metrics import KReciprocal, evaluate_features
from videoreid.types import Features, Ranking
from videoreid.utils import get_logger
from videoreid.visual import StripStyle, draw_queries

__all__ = [
    "Scoring",
    "check_targets",
    "draw_target",
    "print_scores",
    "rank_target",
    "read_scoring",
    "store_target",
    "targets_of",
]

Sides = tuple[Features, Features]


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """Options of `Engine.test`, with torchreid's names."""

    dist_metric: str = "euclidean"
    normalize_feature: bool = False
    visrank: bool = False
    visrank_topk: int = 10
    use_metric_cuhk03: bool = False
    ranks: Sequence[int] = (1, 5, 10, 20)
    rerank: bool = False
    save_features: bool = False


def read_scoring(keywords: dict[str, Any]) -> Scoring:
    """Return the options from torchreid's keywords.

    Raises:
        ConfigError: a keyword that is not one of them.
    """
    try:
        return Scoring(**keywords)
    except TypeError as error:
        raise ConfigError(f"run() does not know a keyword: {error}") from error


def targets_of(datamanager: Any) -> dict[str, Any]:
    """Return the loaders of every target that has queries and a gallery."""
    return {
        name: loaders
        for name, loaders in (datamanager.test_loader or {}).items()
        if all(loaders.get(part) is not None and len(loaders[part]) for part in ("query", "gallery"))
    }


def check_targets(datamanager: Any, options: Scoring) -> None:
    """Check before training that the targets can be scored; warn about those without queries or gallery.

    Raises:
        ProtocolError: no query of a target has a match in its gallery.
    """
    targets = targets_of(datamanager)
    left_out = [name for name in datamanager.test_loader or {} if name not in targets]
    if left_out or not targets:
        get_logger("engine").warning(
            "no queries or no gallery%s: %s",
            f" in {', '.join(left_out)}" if left_out else "",
            "the other targets are tested" if targets else "the model is trained and not tested",
        )
    for name, loaders in targets.items():
        query, gallery = (LoaderInfo.of(loaders[part]).tracklets for part in ("query", "gallery"))
        if query is None or gallery is None:
            continue
        try:
            check_matches(query, gallery, protocol=_protocol(datamanager, name, options))
        except ProtocolError as error:
            raise ProtocolError(f"target {name!r}: {error}") from error


def rank_target(model: nn.Module, datamanager: Any, name: str, options: Scoring) -> tuple[Ranking, Sides]:
    """Return the ranking of a target, and the features of its queries and gallery."""
    loaders = datamanager.test_loader[name]
    query, gallery = (extract_features(model, loaders[part]) for part in ("query", "gallery"))
    if options.normalize_feature:
        query, gallery = query.normalised(), gallery.normalised()
    # what torchreid calls "euclidean" is squared
    distance = "squared_euclidean" if options.dist_metric == "euclidean" else options.dist_metric
    ranking = evaluate_features(
        query,
        gallery,
        protocol=_protocol(datamanager, name, options),
        distance=distance,
        refiners=[KReciprocal(metric=distance)] if options.rerank else [],
        dataset=name,
        details={"features": "normalised"} if options.normalize_feature else None,
        top_k=max(options.visrank_topk, 1),
    )
    return ranking, (query, gallery)


def print_scores(ranking: Ranking, options: Scoring) -> None:
    """Log the scores with their protocol."""
    ranks = "  ".join(f"Rank-{k} {ranking.rank(k):.1%}" for k in options.ranks)
    message = "mAP %.1f%%  %s\n  %s"
    get_logger("engine").info(message, 100 * ranking.mean_average_precision, ranks, ranking.protocol_line)


def store_target(
    folder: Path,
    name: str,
    ranking: Ranking,
    sides: Sides,
    datamanager: Any,
    *,
    features: bool,
    notes: dict[str, str],
) -> None:
    """Write the ranking of a target into the run folder."""
    loaders = datamanager.test_loader[name]
    query, gallery = (LoaderInfo.of(loaders[part]).tracklets for part in ("query", "gallery"))
    save_evaluation(
        folder,
        ranking,
        query=sides[0],
        gallery=sides[1],
        name=re.sub(r"[^\w.+-]", "_", name).lstrip(".+-") or "target",
        tracklets=None if query is None or gallery is None else (query, gallery),
        features=features,
        notes=notes,
    )


def draw_target(ranking: Ranking, loaders: Any, folder: Path, options: Scoring) -> None:
    """Draw one picture of each query of a target with its best answers."""
    query, gallery = loaders["query"].dataset, loaders["gallery"].dataset
    draw_queries(
        ranking,
        query.tracklets,
        gallery.tracklets,
        folder,
        read_frames=query.reader.read,
        top_k=options.visrank_topk,
        style=StripStyle(junk=False),  # torchreid leaves out junk
    )


def _protocol(datamanager: Any, target: str, options: Scoring) -> str:
    splits = getattr(datamanager, "test_splits", {}).get(target)
    own = "cross_camera" if splits is None else splits.protocol
    return "single_gallery_shot" if options.use_metric_cuhk03 else own
