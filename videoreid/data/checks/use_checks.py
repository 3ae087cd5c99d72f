"""Checks of a dataset's use: duplicates across splits, people without a positive pair, missing times."""

import math
from collections import Counter
from collections.abc import Sequence

from videoreid.data.checks.findings import Finding
from videoreid.data.checks.frame_checks import FrameLook
from videoreid.types import Splits, Tracklet

__all__ = ["check_copies", "check_people", "check_times"]


def check_copies(look: FrameLook, train: Sequence[Tracklet]) -> list[Finding]:
    """Report frames that are byte for byte the same, above all those shared by training and test."""
    if not look.copies:
        return []
    message = f"{look.copies:,} of {look.frames:,} frames tried are copies of another, byte for byte"
    findings = [Finding("note", "copies", f"{message}, such as {' and '.join(look.copied[0])}")]
    paths = {path for pair in look.copied for path in pair}
    trained = {path for tracklet in train for path in tracklet.frames if path in paths}
    across = [(first, second) for first, second in look.copied if (first in trained) != (second in trained)]
    if across:
        message = f"{len(across):,} of these are trained on under one name and tested under another"
        findings.append(Finding("note", "copies", f"{message}, such as {' and '.join(across[0])}"))
    return findings


def check_people(splits: Splits) -> list[Finding]:
    """Report training people with a single tracklet, which has no positive pair."""
    tracklets = Counter(tracklet.pid for tracklet in splits.train)
    alone = sum(count == 1 for count in tracklets.values())
    if not alone:
        return []
    message = f"{alone:,} of {len(tracklets):,} training people have one tracklet: a batch can only repeat it"
    return [Finding("note", "people", message)]


def check_times(tracklets: Sequence[Tracklet]) -> Finding:
    """Report how many tracklets have times, and whether any ends before it begins."""
    known = [tracklet for tracklet in tracklets if not math.isnan(tracklet.time)]
    backwards = sum(tracklet.end_time < tracklet.time for tracklet in known)
    if backwards:
        return Finding("damage", "times", f"{backwards:,} tracklets end before they begin")
    if 0 < len(known) < len(tracklets):
        return Finding("note", "times", f"{len(known):,} of {len(tracklets):,} tracklets have a time")
    return Finding("ok", "times", "every tracklet has a time" if known else "no tracklet has a time")
