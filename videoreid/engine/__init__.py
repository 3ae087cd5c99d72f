"""Training, extraction and scoring: functions, and an engine that keeps the state between them."""

from videoreid.engine.checkpointing import find_checkpoint, load_checkpoint, save_checkpoint
from videoreid.engine.engine import Engine
from videoreid.engine.evaluation import evaluate
from videoreid.engine.extractor import FeatureExtractor
from videoreid.engine.freezing import open_all_layers, open_specified_layers
from videoreid.engine.inference import embed_frames, extract_features
from videoreid.engine.logs import CSVLogger, TensorBoardLogger, console_logger
from videoreid.engine.memories import build_clip_memory, projected_features, rebuild_before_epochs
from videoreid.engine.progress import Event
from videoreid.engine.prompts import PromptEngine, prompt_loader
from videoreid.engine.settings import TrainSettings
from videoreid.engine.training import step, train_one_epoch
from videoreid.torchreid.engine.image import ImageSoftmaxEngine, ImageTripletEngine
from videoreid.torchreid.engine.video import VideoSoftmaxEngine, VideoTripletEngine
from videoreid.tuning.holdout import hold_out_identities
from videoreid.tuning.search import (
    BAG_OF_TRICKS_SPACE,
    Range,
    draw_study,
    pruning_callback,
    run_search,
    suggest,
)

__all__ = [
    "BAG_OF_TRICKS_SPACE",
    "CSVLogger",
    "Engine",
    "Event",
    "FeatureExtractor",
    "ImageSoftmaxEngine",
    "ImageTripletEngine",
    "PromptEngine",
    "Range",
    "TensorBoardLogger",
    "TrainSettings",
    "VideoSoftmaxEngine",
    "VideoTripletEngine",
    "build_clip_memory",
    "console_logger",
    "draw_study",
    "embed_frames",
    "evaluate",
    "extract_features",
    "find_checkpoint",
    "hold_out_identities",
    "load_checkpoint",
    "open_all_layers",
    "open_specified_layers",
    "projected_features",
    "prompt_loader",
    "pruning_callback",
    "rebuild_before_epochs",
    "run_search",
    "save_checkpoint",
    "step",
    "suggest",
    "train_one_epoch",
]
