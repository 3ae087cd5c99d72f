"""Told probabilities against what came true."""

import os

import numpy as np

from videoreid.errors import ProtocolError
from videoreid.utils import atomic_path

__all__ = ["draw_reliability", "reliability_bins"]

_TOLD, _PAIRS = "#12416b", "#9db4c8"
_Z = 1.959964


def reliability_bins(
    probabilities: np.ndarray, same: np.ndarray, *, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each bin of equal width that has pairs, the mean probability, the share that is same, and how many.

    Args:
        probabilities: ``(n,)`` in 0..1.
        same: ``(n,)`` bool.
        bins: how many.

    Raises:
        ProtocolError: lengths differ, nothing is given, or a probability lies outside 0..1.
    """
    told, true = np.asarray(probabilities, np.float64), np.asarray(same, bool)
    if told.shape != true.shape or told.ndim != 1 or not len(told) or not ((told >= 0) & (told <= 1)).all():
        raise ProtocolError(
            f"{told.shape} probabilities in 0..1 need as many outcomes, one or more; got {true.shape}"
        )
    place = np.minimum((told * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    used = count > 0
    sums = (np.bincount(place, weights=values, minlength=bins)[used] for values in (told, true))
    mean, share = (values / count[used] for values in sums)
    return mean, share, count[used]


def draw_reliability(
    probabilities: np.ndarray, same: np.ndarray, path: str | os.PathLike[str], *, title: str = ""
) -> None:
    """Draw a reliability diagram with 95 % Wilson intervals; on the diagonal probabilities are what they say.

    Args:
        probabilities: ``(n,)`` of pairs that the calibration was not fitted on.
        same: ``(n,)`` bool.
        path: a ``.png``, ``.svg`` or ``.pdf`` file.
        title: on what it rests.

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
        color=_TOLD,
        capsize=3,
    )
    axes.set(ylabel="share that is the same person", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_title(title, fontsize=9, wrap=True)
    below.bar(mean, count, width=0.06, color=_PAIRS)
    below.set(
        xlabel="told probability of the same person",
        ylabel="pairs",
        yscale="log" if count.max() > 500 else "linear",
    )
    for panel in (axes, below):
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as target:
        figure.savefig(target, dpi=130)
