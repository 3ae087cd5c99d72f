"""Draw the statistics of a dataset."""

from collections import Counter
from pathlib import Path

import numpy as np

from videoreid.data.checks.split_statistics import dataset_statistics
from videoreid.errors import DatasetError
from videoreid.types import Splits
from videoreid.utils import atomic_path

__all__ = ["draw_statistics"]

_COLOURS = {"train": "#33658a", "query": "#f26419", "gallery": "#6a994e"}


def draw_statistics(splits: Splits, path: str | Path) -> None:
    """Draw four histograms of a dataset: tracklet lengths, tracklets per id, cameras per id, tracklets per camera.

    Args:
        splits: the dataset.
        path: image file to write; its suffix chooses the format.

    Raises:
        DatasetError: the dataset has no tracklet.
    """
    from matplotlib.figure import Figure  # drawn without pyplot: no window, no global state

    statistics = {part: figures for part, figures in dataset_statistics(splits).items() if figures.tracklets}
    if not statistics:
        raise DatasetError(f"{splits.name} holds no tracklet: there is nothing to draw")
    lengths = {part: np.array([len(t) for t in getattr(splits, part)]) for part in statistics}
    figure = Figure(figsize=(11, 7), layout="constrained")
    panels = figure.subplots(2, 2)
    longest = max(values.max() for values in lengths.values())
    edges = np.unique(np.linspace(0.5, longest + 0.5, min(int(longest), 60) + 1))
    for part, values in lengths.items():
        panels[0, 0].hist(values, edges, histtype="step", linewidth=1.6, color=_COLOURS[part], label=part)
    _label(panels[0, 0], "frames of a tracklet", "tracklets")
    most = max((max(s.tracklets_per_id, default=1) for s in statistics.values()), default=1)
    bins = np.unique(np.linspace(0.5, most + 0.5, min(most, 60) + 1))
    for part, figures in statistics.items():
        panels[0, 1].hist(
            figures.tracklets_per_id, bins, histtype="step", linewidth=1.6, color=_COLOURS[part], label=part
        )
    _label(panels[0, 1], "tracklets of an id", "ids")
    panels[0, 1].set_yscale("symlog", linthresh=1)
    _bars(panels[1, 0], {part: figures.cameras_per_id for part, figures in statistics.items()})
    _label(panels[1, 0], "cameras that see an id", "ids")
    _bars(panels[1, 1], {part: figures.tracklets_per_camera for part, figures in statistics.items()})
    _label(panels[1, 1], "camera (from 0; -1: none)", "tracklets")
    figure.suptitle(f"{splits.name}: {sum(map(np.sum, lengths.values())):,} frames")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _bars(panel, counts) -> None:  # type: ignore[no-untyped-def]  # matplotlib has no types here
    width = 0.8 / max(len(counts), 1)
    places = sorted(set().union(*counts.values()))
    for number, (part, values) in enumerate(counts.items()):
        found = Counter(values)
        shift = (number - (len(counts) - 1) / 2) * width
        heights = [found[place] for place in places]
        panel.bar([place + shift for place in places], heights, width, color=_COLOURS[part], label=part)
    panel.set_xticks(places)


def _label(panel, across: str, up: str) -> None:  # type: ignore[no-untyped-def]
    panel.set_xlabel(across)
    panel.set_ylabel(up)
    panel.legend(frameon=False)
    panel.spines[["top", "right"]].set_visible(False)
