"""Draw the pictures of ``videoreid eval``: CMC, precision over recall, distances of pairs."""

from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from videoreid.metrics import PairDistances, equal_error_rate, precision_recall, score_histograms
from videoreid.types import Ranking
from videoreid.utils import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_cmc", "draw_distances", "draw_precision_recall"]

_SAME, _OTHER = "#12416b", "#c2691c"
_SIZE = (6.4, 4.6)


def draw_cmc(ranking: Ranking, path: Path) -> None:
    """Draw the share of queries matched within each rank."""

    def draw(axes: "Axes") -> None:
        ranks = np.arange(1, len(ranking.cmc) + 1)
        axes.plot(ranks, 100 * ranking.cmc, color=_SAME, drawstyle="steps-post")
        axes.set(
            xlabel="rank",
            ylabel="queries matched (%)",
            xlim=(1, len(ranks)),
            ylim=(0, 102),
            title=f"CMC: Rank-1 {100 * ranking.rank(1):.1f} %",
        )

    _save(draw, ranking.protocol_line, path)


def draw_precision_recall(ranking: Ranking, path: Path) -> None:
    """Draw the mean interpolated precision at each recall."""

    def draw(axes: "Axes") -> None:
        recall, precision = precision_recall(ranking.match_ranks, ranking.match_offsets)
        axes.plot(100 * recall, 100 * precision, color=_SAME)
        axes.set(
            xlabel="recall (%)",
            ylabel="interpolated precision (%)",
            xlim=(0, 100),
            ylim=(0, 102),
            title=f"Precision over recall: mAP {100 * ranking.mean_average_precision:.1f} %",
        )

    _save(draw, ranking.protocol_line, path)


def draw_distances(pairs: PairDistances, ranking: Ranking, path: Path) -> None:
    """Draw the histograms of distances between tracklets of the same and of different persons."""

    def draw(axes: "Axes") -> None:
        edges, genuine, impostor = score_histograms(pairs)
        axes.stairs(genuine, edges, fill=True, alpha=0.55, color=_SAME, label="same person")
        axes.stairs(impostor, edges, fill=True, alpha=0.55, color=_OTHER, label="different persons")
        rate, threshold = equal_error_rate(pairs)
        axes.axvline(threshold, color="black", linestyle=":", label=f"equal error rate {100 * rate:.1f} %")
        axes.set(xlabel="distance of the features", ylabel="density", title="Distances of pairs")
        axes.legend(frameon=False)

    _save(draw, ranking.protocol_line, path)


def _save(draw: "Callable[[Axes], None]", line: str, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(fill(line, 135), fontsize=6, color="0.35")  # every score is shown with its protocol line
    with atomic_path(path) as target:
        figure.savefig(target, dpi=130)
