"""Check a dataset against its published statistics."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from videoreid.data.checks.findings import Finding, VerifyReport
from videoreid.data.checks.frame_checks import (
    FrameLook,
    look_at_frames,
    missing_frames,
    sample_frames,
    unlisted_images,
)
from videoreid.data.checks.split_statistics import SplitStatistics, dataset_statistics
from videoreid.data.checks.use_checks import check_copies, check_people, check_times
from videoreid.data.datasets.info import DatasetInfo
from videoreid.types import Splits, Tracklet

__all__ = ["verify_splits"]

_PARTS = ("train", "query", "gallery")


def verify_splits(
    splits: Splits,
    info: DatasetInfo | None = None,
    *,
    sample: int | None = 1000,
    num_frames: int = 4,
    workers: int = 2,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    remarks: Sequence[str] = (),
) -> VerifyReport:
    """Check a dataset: counts, files, duplicates, a sample of frames, short tracklets, cameras, times, matches.

    Args:
        splits: the dataset, as its loader returns it.
        info: the published statistics; None skips the comparison.
        sample: number of frames to decode; None decodes every frame.
        num_frames: tracklets shorter than this many frames are counted.
        workers: number of decoding threads.
        seed: seed of the sample.
        progress: called with the number of frames decoded since the last call.
        remarks: remarks of the loader (`collect_remarks`); each becomes a note.

    Returns:
        The findings; ``damaged`` says whether anything is wrong.
    """
    everything = [tracklet for part in _PARTS for tracklet in getattr(splits, part)]
    statistics = dataset_statistics(splits)
    look = look_at_frames(sample_frames(everything, sample, seed), workers=workers, progress=progress)
    findings = [
        *(_check_counts(statistics, info) if info is not None else []),
        *(Finding("note", "reading", text) for text in remarks),
        *_check_files(everything),
        *_check_duplicates(splits),
        *_check_decoding(look),
        *check_copies(look, splits.train),
        *_check_sizes(look, info),
        _check_lengths(splits, num_frames),
        *_check_cameras(statistics, info),
        *check_people(splits),
        check_times(everything),
        _check_matches(splits),
    ]
    return VerifyReport(splits.name, tuple(findings), statistics)


def _check_counts(statistics: dict[str, SplitStatistics], info: DatasetInfo) -> list[Finding]:
    findings = []
    for part, counts in info.counts.items():
        figures = statistics[part]
        for what, published, found in (
            ("ids", counts.ids, figures.ids),
            ("tracklets", counts.tracklets, figures.tracklets),
            ("images", counts.images, figures.frames),
        ):
            if published is None:
                continue
            message = f"{part} has {found:,} {what}, as published"
            if found != published:
                message = f"{part} has {found:,} {what}; {published:,} were published"
            findings.append(Finding("ok" if found == published else "damage", "counts", message))
    return findings or [Finding("note", "counts", f"{info.title} has no published counts to compare with")]


def _check_files(tracklets: Sequence[Tracklet]) -> list[Finding]:
    missing = missing_frames(tracklets)
    total = sum(map(len, tracklets))
    findings = [Finding("ok", "files", f"all {total:,} frames are there")]
    if missing:
        message = f"{len(missing):,} of {total:,} frames are missing, such as {missing[0]}"
        findings = [Finding("damage", "files", message)]
    others, example = unlisted_images(tracklets)
    if others:
        message = f"{others:,} images lie in folders of the dataset and are in no split, such as {example}"
        findings.append(Finding("note", "unlisted", message))
    return findings


def _check_duplicates(splits: Splits) -> list[Finding]:
    # a million paths are compared as 64-bit numbers; the few that look equal are then compared as text
    numbers = {part: np.fromiter(map(hash, _paths(splits, part)), np.int64) for part in _PARTS}
    twice = Counter[str]()
    for part in _PARTS:
        values, counts = np.unique(numbers[part], return_counts=True)
        again = set(values[counts > 1].tolist())
        if again:
            twice.update(path for path in _paths(splits, part) if hash(path) in again)
    tested = np.concatenate([numbers["query"], numbers["gallery"]])
    both = set(np.intersect1d(numbers["train"], tested).tolist())
    trained = {path for path in _paths(splits, "train") if hash(path) in both} if both else set()
    shared = {path for part in ("query", "gallery") for path in _paths(splits, part) if path in trained}
    findings = []
    listed = [path for path, count in twice.items() if count > 1]
    if listed:
        message = f"{len(listed):,} frames are listed twice in a split, such as {listed[0]}"
        findings.append(Finding("damage", "duplicates", message))
    if shared:
        message = f"{len(shared):,} training frames are also tested, such as {min(shared)}"
        findings.append(Finding("damage", "duplicates", message))
    return findings or [
        Finding("ok", "duplicates", "no frame is listed twice, none is both trained on and tested")
    ]


def _paths(splits: Splits, part: str) -> Iterator[str]:
    return (path for tracklet in getattr(splits, part) for path in tracklet.frames)


def _check_decoding(look: FrameLook) -> list[Finding]:
    if not look.unreadable:
        return [Finding("ok", "decoding", f"all {look.frames:,} frames tried decode")]
    named = "; ".join(look.unreadable[:3])
    message = f"{len(look.unreadable):,} of {look.frames:,} frames tried do not decode: {named}"
    return [Finding("damage", "decoding", message)]


def _check_sizes(look: FrameLook, info: DatasetInfo | None) -> list[Finding]:
    published = info.image_size if info is not None else None
    sizes = [f"{height}x{width} ({count:,})" for (height, width), count in look.sizes.most_common(5)]
    listed = ", ".join(sizes) + (f" and {len(look.sizes) - 5} more" if len(look.sizes) > 5 else "")
    if published is None:
        message = f"{len(look.sizes):,} sizes (height x width): {listed}"
        findings = [Finding("ok", "sizes", message)]
        if look.wide:
            message = f"{look.wide:,} of {look.frames:,} frames tried are wider than high: are they crops of people?"
            findings.append(Finding("note", "sizes", message))
        return findings
    if len(look.sizes) > 1:
        message = f"mixed image sizes: {listed}; every frame was published as {published[0]}x{published[1]}"
        return [Finding("damage", "sizes", message)]
    if look.sizes and published not in look.sizes:
        message = f"all are {listed}; published as {published[0]}x{published[1]}: were they resized?"
        return [Finding("note", "sizes", message)]
    return [Finding("ok", "sizes", f"all are {published[0]}x{published[1]}, as published")]


def _check_lengths(splits: Splits, num_frames: int) -> Finding:
    short = {part: sum(len(tracklet) < num_frames for tracklet in getattr(splits, part)) for part in _PARTS}
    listed = ", ".join(f"{part} {count:,}" for part, count in short.items())
    if any(short.values()):
        return Finding(
            "note", "lengths", f"tracklets shorter than {num_frames} frames: {listed}; sampling pads them"
        )
    return Finding("ok", "lengths", f"every tracklet has {num_frames} frames or more")


def _check_cameras(statistics: dict[str, SplitStatistics], info: DatasetInfo | None) -> list[Finding]:
    findings = []
    for part, figures in statistics.items():
        if not figures.tracklets:
            continue
        if set(figures.tracklets_per_camera) == {-1}:
            findings.append(Finding("note", "cameras", f"{part}: no cameras"))
            continue
        listed = ", ".join(f"{ids:,} ids in {cameras}" for cameras, ids in figures.cameras_per_id.items())
        findings.append(Finding("ok", "cameras", f"{part}: cameras per id: {listed}"))
    seen = {camera for figures in statistics.values() for camera in figures.tracklets_per_camera}
    if info is not None and info.num_cameras is not None and seen and max(seen) >= info.num_cameras:
        message = f"camera {max(seen) + 1} of a dataset with {info.num_cameras} cameras"
        findings.append(Finding("damage", "cameras", message))
    return findings


def _check_matches(splits: Splits) -> Finding:
    if not splits.query:
        return Finding("note", "matches", "no queries: this dataset cannot be scored")
    cameras: dict[int, set[int]] = defaultdict(set)
    for tracklet in splits.gallery:
        cameras[tracklet.pid].add(tracklet.camid)
    alone = sum(
        not (cameras[query.pid] if query.camid < 0 else cameras[query.pid] - {query.camid})
        for query in splits.query
    )
    if alone == len(splits.query):
        return Finding("damage", "matches", "no query has a match in the gallery: nothing can be scored")
    if alone:
        message = f"{alone:,} of {len(splits.query):,} queries have no match in another camera of the gallery"
        return Finding(
            "note", "matches", f"{message} (protocol {splits.protocol!r} decides how they are scored)"
        )
    return Finding("ok", "matches", f"each of {len(splits.query):,} queries has a match in the gallery")
