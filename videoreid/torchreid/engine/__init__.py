"""torchreid's four engines: a data manager in, `run` and `test` with its keywords."""

from videoreid.torchreid.engine.image import ImageSoftmaxEngine, ImageTripletEngine
from videoreid.torchreid.engine.video import VideoSoftmaxEngine, VideoTripletEngine

__all__ = [
    "ImageSoftmaxEngine",
    "ImageTripletEngine",
    "VideoSoftmaxEngine",
    "VideoTripletEngine",
]
