"""Evaluation protocols of published scores, by name, and the protocol line."""

import difflib
from collections.abc import Mapping, Sequence

from videoreid.errors import UnknownNameError
from videoreid.types import EvaluationProtocol

__all__ = ["PROTOCOLS", "get_protocol", "list_protocols", "protocol_line"]

_RECORDS = (
    EvaluationProtocol("any_camera", junk="nothing", note="matches in the query's own camera count"),
    EvaluationProtocol(
        "camera_aware",
        queries_in_gallery=True,
        same_camera_penalty=True,
        note="VPReID's 're Results', NOT comparable with the literature: same-camera pairs are moved behind all others",
    ),
    EvaluationProtocol(
        "clothes_change",
        clothes="changed",
        note="CC: the person in the query's clothes is junk; CCVID, MEVID and others",
    ),
    EvaluationProtocol("cross_camera"),
    EvaluationProtocol(
        "dukemtmcvidreid", note="the published gallery holds the queries already; nothing is appended"
    ),
    EvaluationProtocol("ilidsvid", note="one of ten splits; report their mean and spread"),
    EvaluationProtocol("lsvid", queries_in_gallery=True, note="queries in the gallery"),
    EvaluationProtocol(
        "lsvid_queries_out", note="queries left out of the gallery; not comparable with 'lsvid'"
    ),
    EvaluationProtocol(
        "market1501", note="AP as in most published code; the toolkit's own is 'market1501_toolkit'"
    ),
    EvaluationProtocol(
        "market1501_toolkit",
        average_precision="trapezoidal",
        unmatched="zero",
        note="the Market-1501 toolkit and st-ReID: trapezoidal AP, unmatched queries score zero",
    ),
    EvaluationProtocol(
        "mars_official",
        queries_in_gallery=True,
        note="Zheng et al., ECCV 2016 (whole MARS: 11,310 gallery rows)",
    ),
    EvaluationProtocol(
        "mars_torchreid",
        note="queries left out (whole MARS: 9,330 rows, 140 queries drop out); not comparable with 'mars_official'",
    ),
    EvaluationProtocol("no_cameras", junk="nothing", note="a dataset without camera numbers"),
    EvaluationProtocol("prid2011", note="one of ten splits; report their mean and spread"),
    EvaluationProtocol(
        "same_clothes",
        clothes="same",
        note="SC: the person in other clothes than the query's is junk; CCVID, MEVID and others",
    ),
    EvaluationProtocol(
        "single_gallery_shot",
        gallery_shot="single",
        note="CUHK03: the CMC is the mean over ten galleries of one random row per person; AP is over all rows",
    ),
    EvaluationProtocol(
        "xmars", queries_in_gallery=True, note="X-MARS, a re-split of MARS, scored as MARS is"
    ),
)

PROTOCOLS: dict[str, EvaluationProtocol] = {record.name: record for record in _RECORDS}


def list_protocols() -> list[str]:
    """Return the names of all protocols, sorted."""
    return sorted(PROTOCOLS)


def get_protocol(name: str | EvaluationProtocol) -> EvaluationProtocol:
    """Return the protocol of this name; a record is returned as it is.

    Raises:
        UnknownNameError: no protocol has this name; the message suggests similar ones.
    """
    if isinstance(name, EvaluationProtocol):
        return name
    if name not in PROTOCOLS:
        close = difflib.get_close_matches(str(name), PROTOCOLS, n=3)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"known: {', '.join(PROTOCOLS)}"
        raise UnknownNameError(f"unknown protocol {name!r}; {hint}")
    return PROTOCOLS[name]


def protocol_line(
    protocol: EvaluationProtocol,
    *,
    counts: tuple[int, int, int],
    distance: str,
    refiners: Sequence[str] = (),
    dataset: str = "",
    details: Mapping[str, str] | None = None,
) -> str:
    """Return everything that decides whether two scores can be compared, in one line.

    Args:
        protocol: the rules.
        counts: gallery rows without those removed for every query, queries scored, queries not scored.
        distance: name of the distance.
        refiners: names of the refiners, in order.
        dataset: dataset and split.
        details: how the features were made ("frames", "flip", "weights", ...).
    """
    gallery, scored, skipped = counts
    junk = ["same person in the same camera"] if protocol.junk == "same_camera" else []
    if protocol.clothes != "any":
        junk.append(f"same person in {'the same' if protocol.clothes == 'changed' else 'other'} clothes")
    if protocol.junk_pids:
        junk.append("pids " + ", ".join(map(str, protocol.junk_pids)))
    fate = "scored 0" if protocol.unmatched == "zero" else "skipped"
    parts = [
        dataset or "unnamed dataset",
        f"protocol {protocol.name}",
        f"gallery {gallery:,}" + (" with the queries" if protocol.queries_in_gallery else ""),
        f"queries {scored:,} scored, {skipped:,} without a match {fate}",
        f"junk: {'; '.join(junk) or 'none'}",
        f"distance {distance}",
        f"AP {protocol.average_precision}",
    ]
    if protocol.gallery_shot == "single":
        parts.append("CMC by single gallery shot")
    parts.append(f"refiners {' + '.join(refiners) or 'none'}")
    parts.extend(f"{key} {value}" for key, value in (details or {}).items())
    if protocol.note:
        parts.append(protocol.note)
    return " | ".join(parts)
