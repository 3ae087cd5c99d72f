"""Plots for papers in one style: PNG, SVG, and every plotted number as CSV."""

from videoreid.visual.plots.curves import plot_cmc, plot_precision_recall, plot_training
from videoreid.visual.plots.embedding import plot_embedding
from videoreid.visual.plots.pairs import plot_distances, plot_reliability, plot_roc
from videoreid.visual.plots.queries import plot_camera_pairs, plot_length
from videoreid.visual.plots.style import PlotFiles
from videoreid.visual.plots.temporal import plot_attention, plot_transitions

__all__ = [
    "PlotFiles",
    "plot_attention",
    "plot_camera_pairs",
    "plot_cmc",
    "plot_distances",
    "plot_embedding",
    "plot_length",
    "plot_precision_recall",
    "plot_reliability",
    "plot_roc",
    "plot_training",
    "plot_transitions",
]
