"""Plots over the queries: Rank-1 by camera pair, and AP by the length of the query."""

import os
from typing import TYPE_CHECKING

import numpy as np

from videoreid.errors import ConfigError
from videoreid.metrics.significance import bootstrap_means
from videoreid.types import Ranking
from videoreid.visual.plots.style import COLOURS, PlotFiles, write_plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_camera_pairs", "plot_length"]


def plot_camera_pairs(
    rates: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    path: str | os.PathLike[str],
    *,
    note: str = "",
) -> PlotFiles:
    """Draw Rank-1 of the queries of each camera in the gallery of each camera.

    Args:
        rates: result of `videoreid.metrics.camera_pair_rank1`: ``(a,)``, ``(b,)``, ``(a, b)``, ``(a, b)``.
        path: of the files, without an ending.
        note: the protocol line.

    Returns:
        The files; the CSV has ``query_camera, gallery_camera, rank1, queries``; rank1 is empty without a scored query.
    """
    rows, columns, values, counts = rates

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        axes.grid(visible=False)
        shown = np.ma.masked_invalid(100 * values)
        picture = axes.imshow(shown, cmap="cividis", vmin=0, vmax=100, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            missing = np.isnan(value)
            text = "–" if missing else f"{100 * value:.0f}\n({counts[row, column]})"
            colour = "0.4" if missing else "black" if value > 0.55 else "white"
            size = 7 if max(values.shape) <= 10 else 4.5
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
        axes.set_xticks(range(len(columns)), [str(camera) for camera in columns])
        axes.set_yticks(range(len(rows)), [str(camera) for camera in rows])
        axes.set(xlabel="camera of the gallery", ylabel="camera of the query", title="Rank-1 (%) and queries")
        figure.colorbar(picture, ax=axes)

    numbers = {
        "query_camera": np.repeat(rows, len(columns)),
        "gallery_camera": np.tile(columns, len(rows)),
        "rank1": values.ravel(),
        "queries": counts.ravel(),
    }
    size = (max(4.2, 0.55 * len(columns) + 1.8), max(3.4, 0.5 * len(rows) + 1.2))
    return write_plot(draw, numbers, path, size=size, note=note)


def plot_length(
    lengths: np.ndarray, ranking: Ranking, path: str | os.PathLike[str], *, bins: int = 6, seed: int = 0
) -> PlotFiles:
    """Draw mAP of the queries by their length in frames, in bins of about equally many queries, with 95 % bounds.

    Args:
        lengths: ``(Q,)`` frames of each query; queries of unknown length (-1) and those not scored are left out.
        ranking: of these queries.
        path: of the files, without an ending.
        bins: largest number of bins.
        seed: of the bootstrap.

    Returns:
        The files; the CSV has ``shortest, longest, queries, mAP, low, high``.

    Raises:
        ConfigError: the number of lengths differs from that of the queries, or none is known.
    """
    from scipy.stats import spearmanr

    lengths = np.asarray(lengths)
    if lengths.shape != ranking.average_precision.shape:
        raise ConfigError(
            f"{len(lengths)} lengths for {len(ranking.average_precision)} queries; give one per query"
        )
    known = ranking.scored & (lengths > 0)
    if not known.any():
        raise ConfigError("no length of a scored query is known")
    frames, scores = lengths[known], ranking.average_precision[known]
    numbers = _by_length(frames, scores, bins, seed)
    varied = len(np.unique(frames)) > 1 and len(np.unique(scores)) > 1
    trend = f"Spearman {spearmanr(frames, scores).statistic:+.2f}" if varied else "no trend to measure"

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        middle = np.arange(len(numbers["mAP"]))
        axes.bar(middle, 100 * numbers["mAP"], 0.7, color=COLOURS[5])
        spans = np.abs(np.stack([numbers["low"], numbers["high"]]) - numbers["mAP"])
        axes.errorbar(middle, 100 * numbers["mAP"], 100 * spans, fmt="none", color="black", capsize=3)
        texts = [
            f"{low}-{high}\n({count})" if low != high else f"{low}\n({count})"
            for low, high, count in zip(
                numbers["shortest"], numbers["longest"], numbers["queries"], strict=True
            )
        ]
        axes.set_xticks(middle, texts)
        axes.set(xlabel="frames of the query (queries)", ylabel="mAP (%)", ylim=(0, 100))
        axes.set_title(f"Length against AP: {trend}")

    return write_plot(draw, numbers, path, note=ranking.protocol_line)


def _by_length(frames: np.ndarray, scores: np.ndarray, bins: int, seed: int) -> dict[str, np.ndarray]:
    """Return mAP with its bounds in bins of about equally many queries."""
    edges = np.unique(np.quantile(frames, np.linspace(0, 1, bins + 1), method="nearest"))
    place = np.clip(np.searchsorted(edges, frames, side="right") - 1, 0, max(len(edges) - 2, 0))
    groups = [np.flatnonzero(place == number) for number in np.unique(place)]
    bounds = [bootstrap_means(scores[rows, None], seed=seed) for rows in groups]
    return {
        "shortest": np.array([frames[rows].min() for rows in groups]),
        "longest": np.array([frames[rows].max() for rows in groups]),
        "queries": np.array([len(rows) for rows in groups]),
        "mAP": np.array([scores[rows].mean() for rows in groups]),
        "low": np.array([low[0] for low, _ in bounds]),
        "high": np.array([high[0] for _, high in bounds]),
    }
