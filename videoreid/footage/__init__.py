"""Footage: recordings, detections and tracks in them, and the tracklets cut from them."""

from videoreid.footage.crops import crop_tracklets, iterate_crops, split_tracks, video_tracklets
from videoreid.footage.detection import DetectedFrame, Detector, detect
from videoreid.footage.detection_files import DetectionFile, read_detections
from videoreid.footage.importing import CutRules, Footage, import_footage
from videoreid.footage.preview import PreviewWriter, draw_tracks
from videoreid.footage.source_lists import read_identities, read_sources
from videoreid.footage.switches import Encoder, cut_switches, embed_boxes
from videoreid.footage.track_cutting import appearance_jumps, cut_at_gaps
from videoreid.footage.track_files import Tracks, read_tracks
from videoreid.footage.track_formats import read_label_tracks, read_mot_ground_truth
from videoreid.footage.track_matching import box_overlaps, match_tracks
from videoreid.footage.track_sources import tracks_from_arrays, tracks_from_detections
from videoreid.footage.tracking import OnlineTracker, track, write_tracks
from videoreid.footage.yolox import Yolox

__all__ = [
    "CutRules",
    "DetectedFrame",
    "DetectionFile",
    "Detector",
    "Encoder",
    "Footage",
    "OnlineTracker",
    "PreviewWriter",
    "Tracks",
    "Yolox",
    "appearance_jumps",
    "box_overlaps",
    "crop_tracklets",
    "cut_at_gaps",
    "cut_switches",
    "detect",
    "draw_tracks",
    "embed_boxes",
    "import_footage",
    "iterate_crops",
    "match_tracks",
    "read_detections",
    "read_identities",
    "read_label_tracks",
    "read_mot_ground_truth",
    "read_sources",
    "read_tracks",
    "split_tracks",
    "track",
    "tracks_from_arrays",
    "tracks_from_detections",
    "video_tracklets",
    "write_tracks",
]
