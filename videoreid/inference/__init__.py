"""Extraction of features with a network, and evaluation."""

from videoreid.inference.extraction import embed_frames, extract_features
from videoreid.inference.extractor import FeatureExtractor
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.inference.scoring import check_matches, evaluate

__all__ = [
    "FeatureExtractor",
    "LoaderInfo",
    "check_matches",
    "embed_frames",
    "evaluate",
    "extract_features",
]
