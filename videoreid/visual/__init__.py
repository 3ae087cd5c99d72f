"""Pictures and pages: rankings, answers, persons along a time line, curves."""

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
from videoreid.visual.people import SeenTracklet, write_people_html
from videoreid.visual.ranking import StripStyle, draw_ranking, order_queries
from videoreid.visual.reliability import draw_reliability, reliability_bins
from videoreid.visual.spatial_temporal import draw_transitions
from videoreid.visual.strips import tracklet_strip

__all__ = [
    "ACTIVATION_METHODS",
    "ActivationMaps",
    "AnswerRow",
    "SeenTracklet",
    "StripStyle",
    "activation_maps",
    "activation_sheet",
    "draw_activation_maps",
    "draw_ranking",
    "draw_reliability",
    "draw_transitions",
    "heat_overlay",
    "order_queries",
    "reliability_bins",
    "tracklet_strip",
    "write_answer_html",
    "write_people_html",
    "write_ranking_html",
]
