"""Footage: recordings, what was found in them, and the tracklets that come of it."""

from videoreid.footage.crops import crop_tracklets, iterate_crops, split_tracks
from videoreid.footage.importing import CutRules, Footage, import_footage
from videoreid.footage.source_lists import read_identities, read_sources
from videoreid.footage.track_cutting import appearance_jumps, cut_at_gaps
from videoreid.footage.track_files import Tracks, read_tracks
from videoreid.footage.track_sources import tracks_from_arrays, tracks_from_detections

__all__ = [
    "CutRules",
    "Footage",
    "Tracks",
    "appearance_jumps",
    "crop_tracklets",
    "cut_at_gaps",
    "import_footage",
    "iterate_crops",
    "read_identities",
    "read_sources",
    "read_tracks",
    "split_tracks",
    "tracks_from_arrays",
    "tracks_from_detections",
]
