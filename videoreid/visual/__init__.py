"""Pictures: the ranking as strips and as a page that plays them."""

from videoreid.visual.activation import (
    ACTIVATION_METHODS,
    ActivationMaps,
    activation_maps,
    activation_sheet,
    draw_activation_maps,
    heat_overlay,
)
from videoreid.visual.answers import AnswerRow, write_answer_html
from videoreid.visual.html import write_ranking_html
from videoreid.visual.ranking import StripStyle, draw_ranking, order_queries
from videoreid.visual.spatial_temporal import draw_transitions
from videoreid.visual.strips import tracklet_strip

__all__ = [
    "ACTIVATION_METHODS",
    "ActivationMaps",
    "AnswerRow",
    "StripStyle",
    "activation_maps",
    "activation_sheet",
    "draw_activation_maps",
    "draw_ranking",
    "draw_transitions",
    "heat_overlay",
    "order_queries",
    "tracklet_strip",
    "write_answer_html",
    "write_ranking_html",
]
