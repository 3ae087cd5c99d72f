"""Stored features, and galleries to search in."""

from videoreid.retrieval.features import FeatureFile, read_features, write_features
from videoreid.retrieval.index import GalleryIndex, SearchResult

__all__ = [
    "FeatureFile",
    "GalleryIndex",
    "SearchResult",
    "read_features",
    "write_features",
]
