"""The charts of an error analysis in one picture: points by cause, coefficients, and Rank-1 by group of each proxy."""

import io
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_charts"]

_BLUE, _ORANGE = "#12416b", "#c2691c"
_COLUMNS = 4


def draw_charts(figures: Mapping[str, Any]) -> bytes:
    """Return a PNG.

    Args:
        figures: result of `ErrorAnalysis.to_dict`.
    """
    from matplotlib.figure import Figure

    bins = {name: groups for name, groups in figures["bins"].items() if groups}
    lines = -(-len(bins) // _COLUMNS)
    figure = Figure(figsize=(12.0, 3.4 + 2.4 * lines), layout="constrained", dpi=110)
    halves: Any = figure.subfigures(2, 1, height_ratios=(3.2, max(0.1, 2.4 * lines)))
    top, bottom = halves
    left, right = top.subplots(1, 2)
    _draw_causes(left, figures["causes"])
    _draw_fit(right, figures["regressions"])
    if bins:
        axes = bottom.subplots(lines, _COLUMNS, squeeze=False, sharey=True)
        for place, ax in enumerate(axes.flat):
            if place < len(bins):
                name = list(bins)[place]
                _draw_bins(ax, name, bins[name])
            else:
                ax.set_visible(False)
    figure.supxlabel(fill(figures["protocol"], 200), fontsize=7, color="0.35")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_causes(ax: "Axes", costs: Sequence[Mapping[str, Any]]) -> None:
    for key, colour, shift, label in (
        ("rank1_points", _ORANGE, 0.13, "unadjusted"),
        ("adjusted_rank1_points", _BLUE, -0.13, "adjusted for the others"),
    ):
        rows = [(place, cost[key]) for place, cost in enumerate(reversed(costs)) if cost[key]]
        if rows:
            values = [points["value"] for _, points in rows]
            reach = [[v - p["low"] for v, (_, p) in zip(values, rows, strict=True)],
                     [p["high"] - v for v, (_, p) in zip(values, rows, strict=True)]]  # fmt: skip
            marker = "o" if colour == _BLUE else "s"
            places = [place + shift for place, _ in rows]
            _dots(ax, values, places, reach, (colour, marker, label))
    names = [f"{cost['cause']} ({100 * cost['touched']['coverage']:.0f} %)" for cost in reversed(costs)]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.set(title="Cost of each cause (share of queries affected)", xlabel="points of Rank-1")
    if ax.containers:
        ax.legend(frameon=False, fontsize=8)
    _dress(ax)


def _draw_fit(ax: "Axes", regressions: Mapping[str, Any]) -> None:
    fit = regressions["pair"]
    ax.set_title("Log odds of failure per standard deviation")
    if fit is None:
        text = fill(regressions["missing"].get("pair", ""), 44)
        ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes, fontsize=9)
        ax.set_axis_off()
        return
    rows = list(reversed(fit["columns"][1:]))
    values = [row["coefficient"] for row in rows]
    reach = [
        [row["coefficient"] - row["low"] for row in rows],
        [row["high"] - row["coefficient"] for row in rows],
    ]
    _dots(ax, values, list(range(len(rows))), reach, (_BLUE, "o", ""))
    ax.set_yticks(range(len(rows)), [row["name"] for row in rows])
    ax.set(xlabel="right of 0: more failures where the proxy is larger")
    _dress(ax)


def _draw_bins(ax: "Axes", name: str, groups: Sequence[Mapping[str, Any]]) -> None:
    values = [100 * group["rank1"]["value"] for group in groups]
    ends = [[100 * (group["rank1"][end] if group["rank1"][end] is not None else group["rank1"]["value"])
             for group in groups] for end in ("low", "high")]  # fmt: skip
    reach = [[max(0.0, v - e) for v, e in zip(values, ends[0], strict=True)],
             [max(0.0, e - v) for v, e in zip(values, ends[1], strict=True)]]  # fmt: skip
    ax.errorbar(range(len(groups)), values, yerr=reach, color=_BLUE, marker="o", capsize=2, linewidth=1.2)
    labels = [f"{group['low']:.2g}\nto {group['high']:.2g}" for group in groups]
    ax.set_xticks(range(len(groups)), labels, fontsize=7)
    ax.set_title(name, fontsize=10)
    ax.set_ylim(-3, 103)
    ax.set_ylabel("Rank-1 (%)", fontsize=8)
    _dress(ax)


def _dots(
    ax: "Axes", values: Sequence[float], places: Sequence[float], reach: Any, look: tuple[str, str, str]
) -> None:
    colour, marker, label = look
    reach = [[max(0.0, value) for value in side] for side in reach]
    ax.errorbar(
        values, places, xerr=reach, fmt=marker, color=colour, capsize=2, markersize=5, label=label or None
    )
    ax.axvline(0.0, color="0.6", linewidth=0.8)


def _dress(ax: "Axes") -> None:
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
