"""Reliability diagrams: predicted probabilities against observed shares."""

import os

import numpy as np

from videoreid.errors import ProtocolError
from videoreid.utils import atomic_path

__all__ = ["draw_reliability", "reliability_bins"]

_PREDICTED, _PAIRS = "#12416b", "#9db4c8"
_Z = 1.959964


def reliability_bins(
    probabilities: np.ndarray, same: np.ndarray, *, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean probability, observed share and number of pairs of each non-empty bin, all bins of equal width.

    Args:
        probabilities: ``(n,)`` in 0..1.
        same: ``(n,)`` bool.
        bins: number of bins.

    Raises:
        ProtocolError: lengths differ, nothing is given, or a probability lies outside 0..1.
    """
    predicted, true = np.asarray(probabilities, np.float64), np.asarray(same, bool)
    valid = ((predicted >= 0) & (predicted <= 1)).all()
    if predicted.shape != true.shape or predicted.ndim != 1 or not len(predicted) or not valid:
        raise ProtocolError(
            f"{predicted.shape} probabilities in 0..1 need as many outcomes, one or more; got {true.shape}"
        )
    place = np.minimum((predicted * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    used = count > 0
    sums = (np.bincount(place, weights=values, minlength=bins)[used] for values in (predicted, true))
    mean, share = (values / count[used] for values in sums)
    return mean, share, count[used]


def draw_reliability(
    probabilities: np.ndarray, same: np.ndarray, path: str | os.PathLike[str], *, title: str = ""
) -> None:
    """Draw a reliability diagram with 95 % Wilson intervals; calibrated probabilities are on the diagonal.

    Args:
        probabilities: ``(n,)`` of pairs that the calibration was not fitted on.
        same: ``(n,)`` bool.
        path: a ``.png``, ``.svg`` or ``.pdf`` file.
        title: of the diagram, for example the source of the pairs.

    Raises:
        ProtocolError: see `reliability_bins`.
    """
    from matplotlib.figure import Figure

    mean, share, count = reliability_bins(probabilities, same)
    centre = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z * np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    low, high = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--")
    axes.errorbar(
        mean,
        share,
        yerr=[np.maximum(share - low, 0), np.maximum(high - share, 0)],
        fmt="o",
        color=_PREDICTED,
        capsize=3,
    )
    axes.set(ylabel="observed share of the same person", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_title(title, fontsize=9, wrap=True)
    below.bar(mean, count, width=0.06, color=_PAIRS)
    below.set(
        xlabel="predicted probability of the same person",
        ylabel="pairs",
        yscale="log" if count.max() > 500 else "linear",
    )
    for panel in (axes, below):
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as target:
        figure.savefig(target, dpi=130)
