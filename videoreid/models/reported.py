"""Published scores, and those of systems whose weights were never published or have no stable address."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PublishedResult", "list_results"]


@dataclass(frozen=True)
class PublishedResult:
    """A score as its authors report it; none of them was measured here.

    Args:
        model: name of the network.
        dataset: the test dataset.
        rank1: in per cent.
        mAP: in per cent.
        protocol: named as in `videoreid.metrics.list_protocols`, or "not stated".
        distance: by which the gallery was ranked.
        source: where it is reported.
        remark: of training and test, as far as the score depends on it.
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
    """Return what the authors of a network report, in the order of the table; nothing for an unknown name.

    Results that belong to downloadable weights stand with them, see `videoreid.models.list_weights`.
    """
    return [row for row in _table() if row.model == model]
