"""Human parsing: part labels for every pixel of a person, with losses, parsers, scores and features."""

from videoreid.parsing.criterion import ParsingCriterion
from videoreid.parsing.drawing import draw_confusion, draw_legend, draw_overlay, draw_parsing_sheet
from videoreid.parsing.edges import edge_targets
from videoreid.parsing.evaluation import count_pixels, evaluate_parser, parsing_protocol_line
from videoreid.parsing.label_files import palette, read_label_map, write_label_map
from videoreid.parsing.loaders import ParsingDataset, ParsingLoader, parsing_loader
from videoreid.parsing.losses import edge_loss, parsing_loss, pixel_cross_entropy
from videoreid.parsing.lovasz import lovasz_softmax_loss
from videoreid.parsing.ohem import ohem_cross_entropy
from videoreid.parsing.parsers import CallableParser, NetworkParser, Parser
from videoreid.parsing.predicting import predict_probabilities, predict_windows
from videoreid.parsing.recipes import RECIPES, ParsingRecipe, poly_schedule
from videoreid.parsing.scores import Confusion, ParsingScores, parsing_scores
from videoreid.parsing.tables import LABEL_TABLES, LabelTable, get_table, seed7_table
from videoreid.parsing.transforms import ParsingTransform
from videoreid.parsing.visibility import part_shares, part_visibility, typical_shares
from videoreid.parsing.writing import ParsedFolder, parse_into_folder, read_visibility

__all__ = [
    "CallableParser",
    "Confusion",
    "LABEL_TABLES",
    "LabelTable",
    "NetworkParser",
    "ParsedFolder",
    "Parser",
    "ParsingCriterion",
    "ParsingDataset",
    "ParsingLoader",
    "ParsingRecipe",
    "ParsingScores",
    "ParsingTransform",
    "RECIPES",
    "count_pixels",
    "draw_confusion",
    "draw_legend",
    "draw_overlay",
    "draw_parsing_sheet",
    "edge_loss",
    "edge_targets",
    "evaluate_parser",
    "get_table",
    "lovasz_softmax_loss",
    "ohem_cross_entropy",
    "palette",
    "parse_into_folder",
    "parsing_loader",
    "parsing_loss",
    "parsing_protocol_line",
    "parsing_scores",
    "part_shares",
    "part_visibility",
    "pixel_cross_entropy",
    "poly_schedule",
    "predict_probabilities",
    "predict_windows",
    "read_label_map",
    "read_visibility",
    "seed7_table",
    "typical_shares",
    "write_label_map",
]
