"""Checks of a parsing dataset: counts, files, and the sizes of image and label pairs."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np

from videoreid.data.checks.findings import Finding, VerifyReport
from videoreid.data.datasets.info import DatasetInfo
from videoreid.data.datasets.parsing import ParsingPair, ParsingSplits, read_pair
from videoreid.data.datasets.reading.files import list_images
from videoreid.errors import DatasetError
from videoreid.utils import generator_from

__all__ = ["verify_parsing"]


def verify_parsing(
    dataset: ParsingSplits,
    info: DatasetInfo,
    *,
    sample: int | None = 1000,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> VerifyReport:
    """Check a parsing dataset: counts, files, and a sample of pairs (sizes, class numbers).

    Args:
        dataset: the dataset, as its loader returns it.
        info: the published statistics.
        sample: number of pairs to read; None reads every pair.
        seed: seed of the sample.
        progress: called with the number of pairs read since the last call.

    Returns:
        The findings; ``damaged`` says whether anything is wrong.
    """
    findings = []
    for part, counts in info.counts.items():
        found = len(getattr(dataset, part))
        if found == counts.images:
            findings.append(Finding("ok", "counts", f"{part} has {found:,} images, as published"))
        elif not found:
            findings.append(Finding("note", "counts", f"{part} is absent"))
        else:
            message = f"{part} has {found:,} images; {counts.images:,} were published"
            findings.append(Finding("damage", "counts", message))
    pairs = [*dataset.train, *dataset.val, *dataset.test]
    missing = [
        path for pair in pairs for path in (pair.image, pair.label) if path and not Path(path).is_file()
    ]
    if missing:
        message = f"{len(missing):,} pictures are missing, such as {missing[0]}"
        findings.append(Finding("damage", "files", message))
    else:
        findings.append(Finding("ok", "files", f"the pictures of all {len(pairs):,} entries are there"))
    findings += _check_names(dataset)
    findings.append(_check_pairs(dataset, sample, seed, progress))
    return VerifyReport(dataset.name, tuple(findings))


def _check_names(dataset: ParsingSplits) -> list[Finding]:
    names = {
        part: {Path(pair.image).name for pair in getattr(dataset, part)} for part in ("train", "val", "test")
    }
    findings = []
    for first, second in combinations(names, 2):
        both = sorted(names[first] & names[second])
        if both:
            message = f"{len(both):,} names are in {first} and in {second}, such as {both[0]}"
            findings.append(Finding("note", "duplicates", message))
    for part, listed in names.items():
        for folder in sorted({Path(pair.image).parent for pair in getattr(dataset, part)}):
            others = sorted(set(list_images(folder)) - listed) if folder.is_dir() else []
            if others:
                message = f"{len(others):,} images in {folder} are on no list, such as {others[0]}"
                findings.append(Finding("note", "unlisted", message))
    return findings


def _check_pairs(
    dataset: ParsingSplits, sample: int | None, seed: int, progress: Callable[[int], None] | None
) -> Finding:
    labelled = [*dataset.train, *dataset.val]
    chosen = range(len(labelled))
    if sample is not None and sample < len(labelled):
        drawn = generator_from(seed).choice(len(labelled), sample, replace=False)
        chosen = np.sort(drawn).tolist()
    faults = [fault for place in chosen if (fault := _fault(labelled[place], len(dataset.classes), progress))]
    if faults:
        message = f"{len(faults):,} of {len(chosen):,} pairs tried are unusable: {'; '.join(faults[:3])}"
        return Finding("damage", "pairs", message)
    return Finding("ok", "pairs", f"all {len(chosen):,} pairs tried fit together")


def _fault(pair: ParsingPair, num_classes: int, progress: Callable[[int], None] | None) -> str:
    if progress is not None:
        progress(1)
    try:
        read_pair(pair, num_classes)
    except DatasetError as error:
        return str(error)
    return ""
