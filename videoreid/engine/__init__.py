"""Training, extraction and scoring: plain functions, and an engine that holds the state of a run."""

from videoreid.engine.checkpointing import find_checkpoint, load_checkpoint, save_checkpoint
from videoreid.engine.engine import Engine
from videoreid.engine.evaluation_files import StoredEvaluation, read_evaluation, save_evaluation
from videoreid.engine.extraction import ExtractionSettings, extract_tracklets
from videoreid.engine.extraction_sources import VideoTracks
from videoreid.engine.fitting import FitPlan, fit
from videoreid.engine.freezing import open_all_layers, open_specified_layers
from videoreid.engine.learner import Learner
from videoreid.engine.logs import CSVLogger, console_logger
from videoreid.engine.memories import build_clip_memory, projected_features, rebuild_before_epochs
from videoreid.engine.progress import Event
from videoreid.engine.prompts import PromptEngine, prompt_loader
from videoreid.engine.run_reading import RunFolder
from videoreid.engine.settings import TrainSettings
from videoreid.engine.trackers import MLflowLogger, TensorBoardLogger, WandbLogger, log_pictures
from videoreid.engine.training import step, train_one_epoch
from videoreid.inference import (
    FeatureExtractor,
    LoaderInfo,
    check_matches,
    embed_frames,
    evaluate,
    extract_features,
)

__all__ = [
    "CSVLogger",
    "Engine",
    "Event",
    "ExtractionSettings",
    "FeatureExtractor",
    "FitPlan",
    "Learner",
    "LoaderInfo",
    "MLflowLogger",
    "PromptEngine",
    "RunFolder",
    "StoredEvaluation",
    "TensorBoardLogger",
    "TrainSettings",
    "VideoTracks",
    "WandbLogger",
    "build_clip_memory",
    "check_matches",
    "console_logger",
    "embed_frames",
    "evaluate",
    "extract_features",
    "extract_tracklets",
    "find_checkpoint",
    "fit",
    "load_checkpoint",
    "log_pictures",
    "open_all_layers",
    "open_specified_layers",
    "projected_features",
    "prompt_loader",
    "read_evaluation",
    "rebuild_before_epochs",
    "save_checkpoint",
    "save_evaluation",
    "step",
    "train_one_epoch",
]
