"""Curves: training history, CMC and precision-recall of rankings."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from videoreid.errors import ConfigError
from videoreid.metrics import cmc_intervals, precision_recall
from videoreid.types import Ranking
from videoreid.visual.plots.style import PlotFiles, label, look_of, write_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_cmc", "plot_precision_recall", "plot_training"]

_SCORES = {"mAP": "mAP", "rank1": "Rank-1"}
_NO_LOSSES = ("epoch", "lr", "clips_per_second", "data_wait")


def plot_training(history: Sequence[Mapping[str, float]], path: str | os.PathLike[str]) -> PlotFiles:
    """Draw loss terms, learning rate, and mAP and Rank-1 of the validations over the epochs.

    Args:
        history: one row per epoch, as `Engine.fit` returns and `RunFolder.history` reads them.
        path: of the files, without an ending.

    Returns:
        The files; the CSV has ``panel, name, epoch, value``.

    Raises:
        ConfigError: no epoch is finished.
    """
    series: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for place, row in enumerate(history, start=1):
        for name, value in row.items():
            panel = "rate" if name == "lr" else "score" if name in _SCORES else "loss"
            if panel == "loss" and (name in _NO_LOSSES or _is_of_validation(name, row)):
                continue
            series.setdefault((panel, name), []).append((float(row.get("epoch", place)), float(value)))
    rows = [(*key, *point) for key, points in sorted(series.items()) for point in points]
    if not rows:
        raise ConfigError("no epoch is finished: there is no training to draw")
    panels = [panel for panel in ("loss", "rate", "score") if any(key[0] == panel for key in series)]

    def draw(figure: "Figure") -> None:
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for number, (_, name) in enumerate(sorted(key for key in series if key[0] == panel)):
                epochs, values = np.array(series[panel, name]).T
                scale = 100 if panel == "score" else 1
                shown = _SCORES.get(name, name) if panel == "score" else name
                axes.plot(epochs, scale * values, label=label(shown), marker="." if len(epochs) < 30 else "",
                          **look_of(number))  # fmt: skip
            titles = {"loss": "mean loss", "rate": "learning rate", "score": "validation (%)"}
            axes.set(xlabel="epoch", title=titles[panel])
            if panel == "rate" and all(value > 0 for _, value in series["rate", "lr"]):
                axes.set_yscale("log")
            axes.locator_params(axis="x", integer=True)
            if panel != "rate":
                axes.legend()

    columns = ("panel", "name", "epoch", "value")
    numbers = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    return write_plot(draw, numbers, path, size=(2.9 * len(panels), 2.8))


def _is_of_validation(name: str, row: Mapping[str, float]) -> bool:
    """Return whether a column is a validation score, which come after the learning rate."""
    names = list(row)
    return "lr" in names and names.index(name) > names.index("lr")


def plot_cmc(
    rankings: Mapping[str, Ranking], path: str | os.PathLike[str], *, level: float = 0.95, seed: int = 0
) -> PlotFiles:
    """Draw the share of queries matched within each rank, with bootstrap bounds at each rank.

    Args:
        rankings: by name, one curve each.
        path: of the files, without an ending.
        level: of the bounds.
        seed: of their draws.

    Returns:
        The files; the CSV has ``run, rank, matched, low, high`` in 0..1.
    """
    curves = {
        name: (ranking.cmc, *cmc_intervals(ranking, level=level, seed=seed))
        for name, ranking in rankings.items()
    }
    rows = [
        (name, rank, *values)
        for name, curve in curves.items()
        for rank, values in enumerate(zip(*curve, strict=True), start=1)
    ]

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for number, (name, (cmc, low, high)) in enumerate(curves.items()):
            ranks, look = np.arange(1, len(cmc) + 1), look_of(number)
            text = f"{name}: Rank-1 {100 * cmc[0]:.1f} %"
            axes.plot(ranks, 100 * cmc, label=label(text), drawstyle="steps-post", **look)
            axes.fill_between(
                ranks, 100 * low, 100 * high, step="post", alpha=0.15, color=look["color"], linewidth=0
            )
        longest = max(len(curve[0]) for curve in curves.values())
        lowest = min(float(np.nanmin(np.concatenate([curve[0], curve[1]]))) for curve in curves.values())
        axes.set(
            xlabel="rank",
            ylabel="queries matched (%)",
            xlim=(1, longest),
            title=f"CMC, {100 * level:g} % bounds",
        )
        axes.set_ylim(max(0.0, 10 * np.floor(10 * lowest) - 5), 101)
        axes.legend(loc="lower right")

    columns = ("run", "rank", "matched", "low", "high")
    numbers = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    return write_plot(draw, numbers, path, note=_lines(rankings))


def plot_precision_recall(rankings: Mapping[str, Ranking], path: str | os.PathLike[str]) -> PlotFiles:
    """Draw the interpolated precision at each recall, averaged over the queries with a match.

    Args:
        rankings: by name, one curve each.
        path: of the files, without an ending.

    Returns:
        The files; the CSV has ``run, recall, precision`` in 0..1.

    Raises:
        ConfigError: a ranking was made by hand, without the ranks of its matches.
    """
    curves = {}
    for name, ranking in rankings.items():
        if len(ranking.match_ranks) == 0:
            raise ConfigError(f"{name!r} holds no ranks of matches: make it by evaluate_features")
        curves[name] = precision_recall(ranking.match_ranks, ranking.match_offsets)
    rows = [(name, *point) for name, curve in curves.items() for point in zip(*curve, strict=True)]

    def draw(figure: "Figure") -> None:
        axes: Axes = figure.add_subplot()
        for number, (name, (recall, precision)) in enumerate(curves.items()):
            text = f"{name}: mAP {100 * rankings[name].mean_average_precision:.1f} %"
            axes.plot(100 * recall, 100 * precision, label=label(text), **look_of(number))
        axes.set(xlabel="recall (%)", ylabel="interpolated precision (%)", xlim=(0, 100), ylim=(0, 102))
        axes.set_title("Precision over recall")
        axes.legend(loc="upper right")

    numbers = {
        name: [row[place] for row in rows] for place, name in enumerate(("run", "recall", "precision"))
    }
    return write_plot(draw, numbers, path, note=_lines(rankings))


def _lines(rankings: Mapping[str, Ranking]) -> str:
    """Return the common parts of the protocol lines, and after each name the parts that differ."""
    parts = {name: ranking.protocol_line.split(" | ") for name, ranking in rankings.items()}
    common = [part for part in next(iter(parts.values())) if all(part in own for own in parts.values())]
    own = {name: [part for part in mine if part not in common] for name, mine in parts.items()}
    return "; ".join(
        [" | ".join(common), *(f"{name}: {' | '.join(mine)}" for name, mine in own.items() if mine)]
    )
