"""Analysis of many tracklets: identities across cameras, calibrated distances, and why queries fail."""

from videoreid.analysis.association import assign, associate, centre_cameras, forbidden_pairs, threshold_at
from videoreid.analysis.attributes import ATTRIBUTES, frame_attributes, motion_blur
from videoreid.analysis.calibration import (
    LabelledPairs,
    calibrate_pairs,
    held_out_probabilities,
    pairs_of_gallery,
    read_pairs,
)
from videoreid.analysis.causes import CAUSES, Cause, CauseCost
from videoreid.analysis.error_analysis import AnalysisSettings, ErrorAnalysis, analyse_errors
from videoreid.analysis.logistic import LogisticFit, fit_logistic, variance_inflation
from videoreid.analysis.matches import best_true_matches
from videoreid.analysis.part_labels import ParsedFolderLabels
from videoreid.analysis.plain import BinScores, CameraPair
from videoreid.analysis.regressions import Interaction, Regressions
from videoreid.analysis.resampling import GroupScores
from videoreid.analysis.scores import AssociationScores, association_scores
from videoreid.analysis.tracklets import TrackletAttributes, tracklet_attributes

__all__ = [
    "ATTRIBUTES",
    "AnalysisSettings",
    "AssociationScores",
    "BinScores",
    "CAUSES",
    "CameraPair",
    "Cause",
    "CauseCost",
    "ErrorAnalysis",
    "GroupScores",
    "Interaction",
    "LabelledPairs",
    "LogisticFit",
    "ParsedFolderLabels",
    "Regressions",
    "TrackletAttributes",
    "analyse_errors",
    "assign",
    "associate",
    "association_scores",
    "best_true_matches",
    "calibrate_pairs",
    "centre_cameras",
    "fit_logistic",
    "forbidden_pairs",
    "frame_attributes",
    "held_out_probabilities",
    "motion_blur",
    "pairs_of_gallery",
    "read_pairs",
    "threshold_at",
    "tracklet_attributes",
    "variance_inflation",
]
