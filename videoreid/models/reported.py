"""Scores reported by authors for networks without downloadable weights."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PublishedResult", "list_results"]


@dataclass(frozen=True)
class PublishedResult:
    """A score reported by its authors; it was not measured with this library.

    Args:
        model: name of the network.
        dataset: name of the test dataset.
        rank1: Rank-1 in per cent.
        mAP: mean average precision in per cent.
        protocol: a name of `videoreid.metrics.list_protocols`, or "not stated".
        distance: distance by which the gallery was ranked.
        source: where the score is reported.
        remark: details of training and test that the score depends on.
    """

    model: str
    dataset: str
    rank1: float
    mAP: float  # noqa: N815 - its name everywhere
    protocol: str
    distance: str
    source: str
    remark: str = ""


@functools.cache
def _table() -> tuple[PublishedResult, ...]:
    rows = json.loads(Path(__file__).with_name("reported.json").read_text(encoding="utf-8"))
    return tuple(PublishedResult(**row) for row in rows)


def list_results(model: str) -> list[PublishedResult]:
    """Return the scores that the authors of a network report, in the order of the table; none for an unknown name.

    For scores of downloadable weights see `videoreid.models.list_weights`.
    """
    return [row for row in _table() if row.model == model]
