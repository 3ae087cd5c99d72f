"""torchreid's engines: a data manager in, `run` and `test` with its keywords; `Engine` is the one to subclass."""

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
