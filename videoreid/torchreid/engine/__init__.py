"""torchreid's engines: `run` and `test` with its keywords, over a data manager; subclass `Engine` for another step."""

from videoreid.torchreid.engine.engine import Engine
from videoreid.torchreid.engine.image import ImageSoftmaxEngine, ImageTripletEngine
from videoreid.torchreid.engine.video import VideoSoftmaxEngine, VideoTripletEngine

__all__ = [
    "Engine",
    "ImageSoftmaxEngine",
    "ImageTripletEngine",
    "VideoSoftmaxEngine",
    "VideoTripletEngine",
]
