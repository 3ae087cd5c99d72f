"""Stored features, and galleries to search in."""

from videoreid.retrieval.features import FeatureFile, read_features, write_features
from videoreid.retrieval.gallery import Gallery
from videoreid.retrieval.gallery_calibration import GalleryCalibration
from videoreid.retrieval.gallery_records import Answer, GalleryTracklet, Match, Recording, TrackletBoxes
from videoreid.retrieval.index import GalleryIndex
from videoreid.retrieval.index_inputs import SearchResult
from videoreid.retrieval.milvus_index import MilvusIndex, copy_index
from videoreid.retrieval.milvus_schema import tracklet_keys
from videoreid.retrieval.milvus_server import MilvusServer
from videoreid.retrieval.question_log import log_question

__all__ = [
    "Answer",
    "FeatureFile",
    "Gallery",
    "GalleryCalibration",
    "GalleryIndex",
    "GalleryTracklet",
    "Match",
    "MilvusIndex",
    "MilvusServer",
    "Recording",
    "SearchResult",
    "TrackletBoxes",
    "copy_index",
    "log_question",
    "read_features",
    "tracklet_keys",
    "write_features",
]
