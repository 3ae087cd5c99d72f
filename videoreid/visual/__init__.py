"""Pictures: rankings on sheets and in pages that play them, and sheets of what a network is fed."""

from videoreid.visual.answers import AnswerRow, write_answer_html
from videoreid.visual.arrangement import StripStyle
from videoreid.visual.data_sheets import draw_batch, draw_dataset, draw_sampling, pixels_of
from videoreid.visual.explorer import ExplorerOptions, ExplorerSummary, write_explorer
from videoreid.visual.html import write_ranking_html
from videoreid.visual.ranking import draw_queries, draw_ranking
from videoreid.visual.selection import order_queries, select_queries
from videoreid.visual.spatial_temporal import draw_transitions
from videoreid.visual.strips import tracklet_strip

__all__ = [
    "AnswerRow",
    "ExplorerOptions",
    "ExplorerSummary",
    "StripStyle",
    "draw_batch",
    "draw_dataset",
    "draw_queries",
    "draw_ranking",
    "draw_sampling",
    "draw_transitions",
    "order_queries",
    "pixels_of",
    "select_queries",
    "tracklet_strip",
    "write_answer_html",
    "write_explorer",
    "write_ranking_html",
]
