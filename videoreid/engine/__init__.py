"""Training, extraction and scoring: functions, and an engine that keeps the state between them."""

from videoreid.engine.checkpointing import find_checkpoint, load_checkpoint, save_checkpoint
from videoreid.engine.engine import Engine
from videoreid.engine.evaluation import check_matches, evaluate
from videoreid.engine.extractor import FeatureExtractor
from videoreid.engine.fitting import FitPlan, fit
from videoreid.engine.freezing import open_all_layers, open_specified_layers
from videoreid.engine.holdout import hold_out_identities
from videoreid.engine.image import ImageSoftmaxEngine, ImageTripletEngine
from videoreid.engine.inference import embed_frames, extract_features
from videoreid.engine.learner import Learner
from videoreid.engine.loader_contract import LoaderInfo
from videoreid.engine.logs import CSVLogger, TensorBoardLogger, console_logger
from videoreid.engine.progress import Event
from videoreid.engine.search import (
    BAG_OF_TRICKS_SPACE,
    Range,
    draw_study,
    pruning_callback,
    run_search,
    suggest,
)
from videoreid.engine.settings import TrainSettings
from videoreid.engine.training import step, train_one_epoch
from videoreid.engine.video import VideoSoftmaxEngine, VideoTripletEngine

__all__ = [
    "BAG_OF_TRICKS_SPACE",
    "CSVLogger",
    "Engine",
    "Event",
    "FeatureExtractor",
    "FitPlan",
    "ImageSoftmaxEngine",
    "ImageTripletEngine",
    "Learner",
    "LoaderInfo",
    "Range",
    "TensorBoardLogger",
    "TrainSettings",
    "VideoSoftmaxEngine",
    "VideoTripletEngine",
    "check_matches",
    "console_logger",
    "draw_study",
    "embed_frames",
    "evaluate",
    "extract_features",
    "find_checkpoint",
    "fit",
    "hold_out_identities",
    "load_checkpoint",
    "open_all_layers",
    "open_specified_layers",
    "pruning_callback",
    "run_search",
    "save_checkpoint",
    "step",
    "suggest",
    "train_one_epoch",
]
