"""Pictures and pages: rankings, answers, persons on a time line, plots."""

from videoreid.visual.activation import (
    ACTIVATION_METHODS,
    ActivationMaps,
    activation_maps,
    activation_sheet,
    draw_activation_maps,
    heat_overlay,
)
from videoreid.visual.answers import AnswerRow, write_answer_html
from videoreid.visual.arrangement import StripStyle
from videoreid.visual.data_sheets import draw_batch, draw_dataset, draw_sampling, pixels_of
from videoreid.visual.explorer import ExplorerOptions, ExplorerSummary, write_explorer
from videoreid.visual.html import write_ranking_html
from videoreid.visual.people import SeenTracklet, write_people_html
from videoreid.visual.plots import (
    PlotFiles,
    plot_attention,
    plot_camera_pairs,
    plot_cmc,
    plot_distances,
    plot_embedding,
    plot_length,
    plot_precision_recall,
    plot_reliability,
    plot_roc,
    plot_training,
    plot_transitions,
)
from videoreid.visual.ranking import draw_queries, draw_ranking
from videoreid.visual.reliability import draw_reliability, reliability_bins
from videoreid.visual.selection import order_queries, select_queries
from videoreid.visual.spatial_temporal import draw_transitions
from videoreid.visual.strips import tracklet_strip

__all__ = [
    "ACTIVATION_METHODS",
    "ActivationMaps",
    "AnswerRow",
    "ExplorerOptions",
    "ExplorerSummary",
    "PlotFiles",
    "SeenTracklet",
    "StripStyle",
    "activation_maps",
    "activation_sheet",
    "draw_activation_maps",
    "draw_batch",
    "draw_dataset",
    "draw_queries",
    "draw_ranking",
    "draw_reliability",
    "draw_sampling",
    "draw_transitions",
    "heat_overlay",
    "order_queries",
    "pixels_of",
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
    "reliability_bins",
    "select_queries",
    "tracklet_strip",
    "write_answer_html",
    "write_explorer",
    "write_people_html",
    "write_ranking_html",
]
