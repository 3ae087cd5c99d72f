"""Plots of pairs: distances of the same and of different persons, ROC curves, reliability of probabilities."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from videoreid.errors import ProtocolError
from videoreid.metrics import (
    PairDistances,
    equal_error_rate,
    expected_calibration_error,
    roc_curve,
    score_histograms,
)
from videoreid.metrics.verification.curves import wilson_interval
from videoreid.visual.plots.style import COLOURS, PlotFiles, label, look_of, write_plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_distances", "plot_reliability", "plot_roc"]

_POINTS = 2000  # of a drawn curve


def plot_distances(
    pairs: PairDistances, path: str | os.PathLike[str], *, bins: int = 100, note: str = ""
) -> PlotFiles:
    """Draw the histograms of the distances of the same and of different persons.

    Args:
        pairs: genuine and impostor distances.
        path: of the files, without an ending.
        bins: number of bins, all of equal width.
        note: the protocol line.

    Returns:
        The files; the CSV has ``low, high, same, different``: densities whose areas are 1.
    """
    edges, same, different = score_histograms(pairs, bins)

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        text = f"same person ({len(pairs.genuine):,} pairs)"
        axes.stairs(same, edges, fill=True, alpha=0.5, color=COLOURS[0], label=text)
        text = f"different persons ({len(pairs.impostor):,} pairs)"
        axes.stairs(different, edges, fill=True, alpha=0.5, color=COLOURS[1], hatch="////", label=text)
        axes.set(xlabel="distance of the features", ylabel="density", title="Distances of pairs")
        axes.legend()

    numbers = {"low": edges[:-1], "high": edges[1:], "same": same, "different": different}
    return write_plot(draw, numbers, path, note=note)


def plot_roc(
    pairs: Mapping[str, PairDistances], path: str | os.PathLike[str], *, note: str = ""
) -> PlotFiles:
    """Draw the share of accepted genuine pairs over the share of accepted impostor pairs, on a logarithmic axis.

    Args:
        pairs: by name, one curve each.
        path: of the files, without an ending.
        note: the protocol line.

    Returns:
        The files; the CSV has ``run, kind, threshold, fpr, tpr``; kind is "curve" or "equal_error_rate".
    """
    curves = {name: roc_curve(given, points=_POINTS) for name, given in pairs.items()}
    equal = {name: equal_error_rate(given) for name, given in pairs.items()}
    rows = [
        (name, "curve", float(t), float(f), float(p))
        for name, roc in curves.items()
        for t, f, p in zip(roc.thresholds, roc.fpr, roc.tpr, strict=True)
    ]
    rows += [(name, "equal_error_rate", at, rate, 1 - rate) for name, (rate, at) in equal.items()]

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for number, (name, roc) in enumerate(curves.items()):
            look, (rate, _) = look_of(number), equal[name]
            text = label(f"{name}: equal error rate {100 * rate:.1f} %")
            seen = roc.fpr > 0
            axes.plot(100 * roc.fpr[seen], 100 * roc.tpr[seen], label=text, **look)
            axes.plot(100 * rate, 100 * (1 - rate), "o", color=look["color"], markersize=4)
        axes.set(xscale="log", xlabel="false match rate (%)", ylabel="true match rate (%)", xlim=(None, 100))
        axes.set(ylim=(0, 102), title="ROC of pairs")
        axes.legend(loc="lower right")

    columns = ("run", "kind", "threshold", "fpr", "tpr")
    return write_plot(draw, {c: [row[i] for row in rows] for i, c in enumerate(columns)}, path, note=note)


def plot_reliability(
    probabilities: np.ndarray,
    same: np.ndarray,
    path: str | os.PathLike[str],
    *,
    bins: int = 10,
    note: str = "",
) -> PlotFiles:
    """Draw the observed share of one person over the predicted probability; calibrated ones are on the diagonal.

    Args:
        probabilities: ``(n,)`` predicted, in 0..1, of pairs that the calibration was not fitted on.
        same: ``(n,)`` bool.
        path: of the files, without an ending.
        bins: number of bins, all of equal width.
        note: the protocol line.

    Returns:
        The files; the CSV has ``low, high, pairs, told, true, true_low, true_high``: per bin the number of pairs, the
        mean predicted probability ("told"), and the observed share with its 95 % Wilson bounds.

    Raises:
        ProtocolError: the lengths differ, nothing is given, or a probability lies outside 0..1.
    """
    predicted, observed = np.asarray(probabilities, np.float64), np.asarray(same, bool)
    if not ((predicted >= 0) & (predicted <= 1)).all():
        raise ProtocolError("a probability lies outside 0..1, or is NaN; give the output of a calibration")
    error = expected_calibration_error(predicted, observed, bins=bins)
    place = np.minimum((predicted * bins).astype(int), bins - 1)
    counts, hits = np.bincount(place, minlength=bins), np.bincount(place, weights=observed, minlength=bins)
    some = np.maximum(counts, 1)
    bounds = np.array([wilson_interval(int(h), max(int(n), 1)) for h, n in zip(hits, counts, strict=True)])
    empty = counts == 0
    numbers = {
        "low": np.arange(bins) / bins,
        "high": np.arange(1, bins + 1) / bins,
        "pairs": counts,
        "told": np.where(empty, np.nan, np.bincount(place, weights=predicted, minlength=bins) / some),
        "true": np.where(empty, np.nan, hits / some),
        "true_low": np.where(empty, np.nan, bounds[:, 0]),
        "true_high": np.where(empty, np.nan, bounds[:, 1]),
    }

    def draw(figure: "Figure") -> None:
        axes, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":")
        spans = np.abs(np.stack([numbers["true_low"], numbers["true_high"]]) - numbers["true"])
        axes.errorbar(
            numbers["told"], numbers["true"], spans, fmt="o-", color=COLOURS[0], capsize=2, markersize=4
        )
        axes.set(ylabel="observed share of one person", ylim=(-0.02, 1.02), xlim=(0, 1))
        axes.set_title(f"Reliability: expected calibration error {100 * error:.1f} %")
        below.bar((np.arange(bins) + 0.5) / bins, counts, 0.9 / bins, color=COLOURS[5])
        below.set_yscale("log")
        below.minorticks_off()
        below.set(ylabel="pairs", xlabel="predicted probability of one person")

    return write_plot(draw, numbers, path, size=(4.2, 4.4), note=note)
