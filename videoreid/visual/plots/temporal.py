"""Plots over time: transition times between cameras, and attention of a temporal head."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from videoreid.errors import ConfigError
from videoreid.metrics import SpatialTemporalModel
from videoreid.visual.plots.style import COLOURS, PlotFiles, write_plot
from videoreid.visual.spatial_temporal import chosen_pairs, fill_panels, transition_shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_attention", "plot_transitions"]


def plot_transitions(
    model: SpatialTemporalModel,
    path: str | os.PathLike[str],
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    unit: str = "frames",
    columns: int = 4,
) -> PlotFiles:
    """Draw how long people take between cameras, as `draw_transitions` does, with the numbers.

    Args:
        model: the fitted model.
        path: of the files, without an ending.
        pairs: pairs of cameras, 0-based; None draws all pairs with a transition.
        unit: unit of the model's times.
        columns: panels in a row.

    Returns:
        The files; the CSV has ``first_camera, second_camera, time, seen, smoothed``: shares of the bin at this signed
        time, positive where the second camera is later.

    Raises:
        ConfigError: a pair of one camera, a camera that the model does not have, or nothing to draw.
    """
    chosen = chosen_pairs(model, pairs, columns)
    rows = [
        (first, second, *values)
        for first, second in chosen
        for values in zip(*transition_shares(model, first, second), strict=True)
    ]
    names = ("first_camera", "second_camera", "time", "seen", "smoothed")
    numbers = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    columns = min(columns, len(chosen))
    lines = -(-len(chosen) // columns)

    def draw(figure: "Figure") -> None:
        fill_panels(figure, model, chosen, unit=unit, columns=columns)

    return write_plot(draw, numbers, path, size=(3.2 * columns, 2.0 * lines + 0.4))


def plot_attention(weights: np.ndarray, path: str | os.PathLike[str], *, note: str = "") -> PlotFiles:
    """Draw the mean attention by position in the clip, and the effective number of frames.

    The effective number of frames is the exponential of the entropy of the weights: T for equal weights, 1 if one
    frame has all the weight.

    Args:
        weights: ``(N, T)`` attention of N clips over their T frames, each row of sum 1.
        path: of the files, without an ending.
        note: small print below, for example the network.

    Returns:
        The files; the CSV has ``kind, x, value, low, high``: for kind "position" the mean weight of the frame at
        position x (0-based) with its 10 % and 90 % quantile, for kind "effective_frames" the share of clips whose
        number is between low and high.

    Raises:
        ConfigError: a row of weights is not a distribution.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2 or weights.size == 0 or not np.isfinite(weights).all() or (weights < 0).any():
        raise ConfigError(f"weights must be (N, T), finite and not negative, got shape {weights.shape}")
    if np.abs(weights.sum(axis=1) - 1).max() > 1e-3:
        raise ConfigError("the weights of a clip must sum to 1: apply softmax to scores first")
    frames = weights.shape[1]
    low, high = np.quantile(weights, [0.1, 0.9], axis=0)
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    effective = np.exp(-(weights * logs).sum(axis=1))
    edges = np.linspace(1, max(frames, 2), 21)
    share = np.histogram(np.clip(effective, edges[0], edges[-1]), edges)[0] / len(effective)
    rows: list[tuple[str, float, float, float, float]] = [
        ("position", t, float(weights[:, t].mean()), float(low[t]), float(high[t])) for t in range(frames)
    ]
    rows += [
        ("effective_frames", float((a + b) / 2), float(value), float(a), float(b))
        for a, b, value in zip(edges[:-1], edges[1:], share, strict=True)
    ]

    def draw(figure: "Figure") -> None:
        left, right = figure.subplots(1, 2)
        mean = weights.mean(axis=0)
        left.bar(range(frames), mean, 0.75, color=COLOURS[5])
        left.errorbar(range(frames), mean, np.maximum(np.stack([mean - low, high - mean]), 0), fmt="none",
                      color="black", capsize=2)  # fmt: skip
        left.axhline(1 / frames, color="0.4", linestyle=":", linewidth=1)
        left.set(xlabel="frame of the clip", ylabel="weight", title="Mean, and 10-90 % of the clips")
        left.locator_params(axis="x", integer=True)
        right.stairs(100 * share, edges, fill=True, color=COLOURS[0], alpha=0.6)
        right.set(xlabel="effective number of frames", ylabel="clips (%)")
        right.set_title(f"Median {np.median(effective):.1f} of {frames} frames")

    columns = ("kind", "x", "value", "low", "high")
    numbers = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    return write_plot(draw, numbers, path, size=(6.4, 2.8), note=note)
