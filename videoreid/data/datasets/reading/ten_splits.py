"""Scores of a dataset over its ten random splits."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoreid.data.datasets.base import build_dataset
from videoreid.data.datasets.reading.two_cameras import NUM_SPLITS
from videoreid.errors import ConfigError
from videoreid.types import Splits

__all__ = ["TenSplitsResult", "ten_splits"]


@dataclass(frozen=True)
class TenSplitsResult:
    """The scores of every split, with mean and standard deviation.

    Args:
        name: the dataset.
        lines: the result of the user's function for every split.
        mean: mean of every numeric entry over the splits.
        std: sample standard deviation (divided by n - 1); NaN for a single split.
    """

    name: str
    lines: tuple[Mapping[str, float | str], ...]
    mean: Mapping[str, float]
    std: Mapping[str, float]

    def __str__(self) -> str:
        width = max([10, *(len(key) for key in self.mean)])
        head = "split".ljust(8) + "".join(key.rjust(width + 2) for key in self.mean)
        rows = [
            str(number).ljust(8) + "".join(f"{float(line[key]):{width + 2}.4f}" for key in self.mean)
            for number, line in enumerate(self.lines)
        ]
        for label, values in (("mean", self.mean), ("std", self.std)):
            rows.append(label.ljust(8) + "".join(f"{values[key]:{width + 2}.4f}" for key in self.mean))
        return "\n".join([f"{self.name}, {len(self.lines)} splits", head, *rows])


def ten_splits(
    name: str,
    root: str | Path | None,
    evaluate: Callable[[Splits], Mapping[str, float | str]],
    *,
    num_splits: int = NUM_SPLITS,
    **kwargs: Any,
) -> TenSplitsResult:
    """Train and score on every split, and return mean and spread.

    PRID2011 and iLIDS-VID have 89 and 150 queries per split: Rank-1 differs by several points between splits, and a
    result on one split cannot be compared with a mean over ten.

    Args:
        name: a dataset with the option ``split_id`` ("prid2011", "ilidsvid").
        root: its folder.
        evaluate: function that takes a split, trains, and returns scores by name, such as ``Ranking.summary()``; texts
            are kept in the lines and left out of the mean.
        num_splits: number of splits to use, starting at split 0.
        **kwargs: further options of the dataset.

    Raises:
        ConfigError: the dataset has no splits, ``num_splits`` is below 1, or two splits return different entries.

    Example:
        >>> result = ten_splits("prid2011", "data", lambda splits: {"queries": len(splits.query)})  # doctest: +SKIP
    """
    if num_splits < 1:
        raise ConfigError(f"num_splits must be 1 or more, got {num_splits}")
    lines = [
        dict(evaluate(build_dataset(name, root, split_id=split_id, **kwargs)))
        for split_id in range(num_splits)
    ]
    for number, line in enumerate(lines):
        if line.keys() != lines[0].keys():
            raise ConfigError(
                f"split {number} of {name} returned {sorted(line)}, split 0 returned {sorted(lines[0])}; "
                "every split must return the same entries"
            )
    numeric = [key for key in lines[0] if all(isinstance(line[key], int | float) for line in lines)]
    mean = {key: math.fsum(float(line[key]) for line in lines) / len(lines) for key in numeric}
    std = {key: _spread([float(line[key]) for line in lines], mean[key]) for key in numeric}
    return TenSplitsResult(name, tuple(lines), mean, std)


def _spread(values: list[float], mean: float) -> float:
    if len(values) < 2:
        return math.nan
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
