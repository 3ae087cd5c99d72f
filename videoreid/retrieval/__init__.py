"""Stored features, and galleries to search in."""

from videoreid.retrieval.features import FeatureFile, read_features, write_features
from videoreid.retrieval.gallery import Gallery
from videoreid.retrieval.gallery_calibration import GalleryCalibration
from videoreid.retrieval.gallery_records import Answer, GalleryTracklet, Match, Recording
from videoreid.retrieval.index import GalleryIndex, SearchResult

__all__ = [
    "Answer",
    "FeatureFile",
    "Gallery",
    "GalleryCalibration",
    "GalleryIndex",
    "GalleryTracklet",
    "Match",
    "Recording",
    "SearchResult",
    "read_features",
    "write_features",
]
