"""Pictures: the ranking as strips and as a page that plays them."""

from videoreid.visual.answers import AnswerRow, write_answer_html
from videoreid.visual.html import write_ranking_html
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
from videoreid.visual.ranking import StripStyle, draw_ranking, order_queries
from videoreid.visual.spatial_temporal import draw_transitions
from videoreid.visual.strips import tracklet_strip

__all__ = [
    "AnswerRow",
    "PlotFiles",
    "StripStyle",
    "draw_ranking",
    "draw_transitions",
    "order_queries",
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
    "tracklet_strip",
    "write_answer_html",
    "write_ranking_html",
]
