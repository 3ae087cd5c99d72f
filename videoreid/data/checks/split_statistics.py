"""Statistics of a split: ids, tracklets, frames, cameras, lengths."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from videoreid.types import Splits, Tracklet

__all__ = ["QUANTILES", "SplitStatistics", "dataset_statistics", "split_statistics", "statistics_table"]

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class SplitStatistics:
    """Statistics of one split.

    Args:
        ids: number of different person ids (a distractor label counts as one).
        tracklets: number of tracklets.
        frames: number of frames in all tracklets.
        mean_length: mean number of frames per tracklet; 0 for an empty split.
        lengths: number of frames per tracklet at each of `QUANTILES`; empty for an empty split.
        tracklets_per_camera: number of tracklets of each camera.
        cameras_per_id: number of people seen by 1, 2, ... cameras; distractors and junk are not counted.
        tracklets_per_id: number of tracklets of every person, sorted; distractors and junk are not counted.
    """

    ids: int
    tracklets: int
    frames: int
    mean_length: float = 0.0
    lengths: tuple[float, ...] = ()
    tracklets_per_camera: Mapping[int, int] = field(default_factory=dict)
    cameras_per_id: Mapping[int, int] = field(default_factory=dict)
    tracklets_per_id: tuple[int, ...] = ()


def split_statistics(tracklets: Sequence[Tracklet], *, labelled: bool = False) -> SplitStatistics:
    """Compute the statistics of a split.

    Args:
        tracklets: the tracklets of the split.
        labelled: pids are labels from 0, as in training, so that 0 is a person and not a distractor.

    Example:
        >>> split_statistics([Tracklet(["a", "b"], 7, 0), Tracklet(["c"], 7, 1)]).cameras_per_id
        {2: 1}
    """
    cameras: dict[int, set[int]] = defaultdict(set)
    per_id: Counter[int] = Counter()
    least = 0 if labelled else 1
    for tracklet in tracklets:
        if tracklet.pid >= least:
            per_id[tracklet.pid] += 1
            cameras[tracklet.pid].add(tracklet.camid)
    lengths = np.array([len(tracklet) for tracklet in tracklets])
    return SplitStatistics(
        ids=len({tracklet.pid for tracklet in tracklets}),
        tracklets=len(tracklets),
        frames=int(lengths.sum()),
        mean_length=float(lengths.mean()) if len(lengths) else 0.0,
        lengths=tuple(np.quantile(lengths, QUANTILES, method="nearest").tolist()) if len(lengths) else (),
        tracklets_per_camera=dict(sorted(Counter(tracklet.camid for tracklet in tracklets).items())),
        cameras_per_id=dict(sorted(Counter(map(len, cameras.values())).items())),
        tracklets_per_id=tuple(sorted(per_id.values())),
    )


def dataset_statistics(splits: Splits) -> dict[str, SplitStatistics]:
    """Return the statistics of "train", "query" and "gallery"."""
    return {
        part: split_statistics(getattr(splits, part), labelled=part == "train")
        for part in ("train", "query", "gallery")
    }


def statistics_table(statistics: Mapping[str, SplitStatistics]) -> str:
    """Return the statistics as a text table, one line per split."""
    heads = ["split", "ids", "tracklets", "frames", "cameras", "mean"]
    heads += [f"{quantile:.0%}" for quantile in QUANTILES]
    rows = [
        [
            name,
            f"{figures.ids:,}",
            f"{figures.tracklets:,}",
            f"{figures.frames:,}",
            str(len(figures.tracklets_per_camera)),
            f"{figures.mean_length:.1f}",
            *(f"{length:.0f}" for length in figures.lengths or [0] * len(QUANTILES)),
        ]
        for name, figures in statistics.items()
    ]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    return "\n".join(
        row[0].ljust(widths[0])
        + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in [heads, *rows]
    )
