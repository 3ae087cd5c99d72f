"""Transition times between cameras as a picture: one panel per camera pair."""

import os
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from videoreid.errors import ConfigError
from videoreid.metrics import SpatialTemporalModel
from videoreid.utils import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_transitions"]

_SEEN, _SMOOTHED = "#9db4c8", "#12416b"
_PANEL = (3.2, 2.0)
_MASS = 0.995  # share of the smoothed distribution within the limits of a panel


def draw_transitions(
    model: SpatialTemporalModel,
    path: str | os.PathLike[str],
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    unit: str = "frames",
    columns: int = 4,
) -> None:
    """Draw how long people take between cameras; to the right of 0 the second camera of the title is later.

    Args:
        model: the fitted model.
        path: a ``.png``, ``.svg`` or ``.pdf`` file.
        pairs: pairs of cameras, 0-based; None draws all pairs with a transition.
        unit: unit of the model's times, for the axis.
        columns: panels in a row.

    Raises:
        ConfigError: a pair of one camera, a camera that the model does not have, or nothing to draw.
    """
    from matplotlib.figure import Figure

    chosen = chosen_pairs(model, pairs, columns)
    columns = min(columns, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(_PANEL[0] * columns, _PANEL[1] * rows + 0.4), layout="constrained")
    fill_panels(figure, model, chosen, unit=unit, columns=columns)
    with atomic_path(path) as target:
        figure.savefig(target, dpi=130)


def chosen_pairs(
    model: SpatialTemporalModel, pairs: Sequence[tuple[int, int]] | None, columns: int
) -> list[tuple[int, int]]:
    """Return the pairs of cameras to draw: those given, or all with a transition.

    Raises:
        ConfigError: a pair of one camera, a camera that the model does not have, or nothing to draw.
    """
    chosen = _seen_pairs(model) if pairs is None else [_checked(model, pair) for pair in pairs]
    if not chosen or columns < 1:
        raise ConfigError(f"nothing to draw: {len(chosen)} pairs of cameras in {columns} columns")
    return chosen


def transition_shares(
    model: SpatialTemporalModel, first: int, second: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(2 * bins,)`` each: middles of signed bins, shares of the training set, the same smoothed."""
    bins = model.num_bins
    middles = (np.arange(-bins, bins) + 0.5) * model.interval
    seen = np.concatenate([model.histogram[first, second][::-1], model.histogram[second, first]])
    smooth = np.concatenate([model.distribution[first, second][::-1], model.distribution[second, first]])
    return middles, seen, smooth


def fill_panels(
    figure: "Figure",
    model: SpatialTemporalModel,
    chosen: Sequence[tuple[int, int]],
    *,
    unit: str,
    columns: int,
) -> None:
    """Draw a panel for each pair of cameras into an empty figure."""
    rows = -(-len(chosen) // columns)
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel, (first, second) in zip(panels, chosen, strict=False):
        _draw_pair(panel, model, first, second)
    for panel in panels[len(chosen) :]:
        panel.remove()
    figure.supxlabel(f"time from the first camera to the second ({unit})", fontsize=9)
    figure.supylabel("probability of a bin", fontsize=9)


def _seen_pairs(model: SpatialTemporalModel) -> list[tuple[int, int]]:
    seen = model.histogram.sum(axis=2) > 0
    return [
        (first, second)
        for first, second in combinations(range(model.num_cameras), 2)
        if seen[first, second] or seen[second, first]
    ]


def _checked(model: SpatialTemporalModel, pair: tuple[int, int]) -> tuple[int, int]:
    first, second = pair
    if first == second or not (0 <= first < model.num_cameras and 0 <= second < model.num_cameras):
        raise ConfigError(f"expected two different cameras of 0..{model.num_cameras - 1}, got {pair}")
    return first, second


def _draw_pair(panel: "Axes", model: SpatialTemporalModel, first: int, second: int) -> None:
    """Show the shares of the training set as bars and their smoothed form as a line, on one signed axis."""
    bins = model.num_bins
    middles, seen, smooth = transition_shares(model, first, second)
    # smoothing spreads each bar over many bins, so bars are scaled to the height of the line
    scale = smooth.max() / seen.max() if seen.any() else 1.0
    filled = seen > 0
    panel.bar(middles[filled], seen[filled] * scale, width=model.interval, color=_SEEN)
    panel.plot(middles, smooth, color=_SMOOTHED, linewidth=1.4)
    panel.axvline(0, color="#999999", linewidth=0.6)
    if smooth.any():
        by_distance = np.concatenate([[0], np.cumsum(smooth[:bins][::-1] + smooth[bins:])])
        reach = np.searchsorted(by_distance, _MASS * by_distance[-1]) + 1
        panel.set_xlim(-reach * model.interval, reach * model.interval)
    panel.locator_params(axis="x", nbins=5)
    panel.set_title(f"camera {first} → camera {second}", fontsize=9)
    panel.tick_params(labelsize=7)
