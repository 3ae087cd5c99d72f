"""Human parsing: which part of a person every pixel shows, from labels and losses to features that use it."""

from videoreid.parsing.edges import edge_targets
from videoreid.parsing.losses import edge_loss, parsing_loss, pixel_cross_entropy
from videoreid.parsing.lovasz import lovasz_softmax_loss
from videoreid.parsing.ohem import ohem_cross_entropy
from videoreid.parsing.scores import Confusion, ParsingScores, parsing_scores
from videoreid.parsing.tables import LABEL_TABLES, LabelTable, get_table, seed7_table

__all__ = [
    "Confusion",
    "LABEL_TABLES",
    "LabelTable",
    "ParsingScores",
    "edge_loss",
    "edge_targets",
    "get_table",
    "lovasz_softmax_loss",
    "ohem_cross_entropy",
    "parsing_loss",
    "parsing_scores",
    "pixel_cross_entropy",
    "seed7_table",
]
