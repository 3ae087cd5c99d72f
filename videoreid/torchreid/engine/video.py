"""torchreid's video engines, with its names and arguments."""

from typing import Any

from videoreid.errors import ConfigError
from videoreid.torchreid.engine.image import ImageSoftmaxEngine, ImageTripletEngine

__all__ = ["VideoSoftmaxEngine", "VideoTripletEngine"]


class VideoSoftmaxEngine(ImageSoftmaxEngine):
    """Cross-entropy on clips.

    Args:
        datamanager: a `VideoDataManager`.
        args: as for `ImageSoftmaxEngine`.
        pooling_method: must be the pooling of the network, "avg" or "max". The network pools over time here:
            ``build_model(..., temporal="max")``.
        kwargs: as for `ImageSoftmaxEngine`.

    Raises:
        ConfigError: another pooling method than the network's.
    """

    def __init__(self, datamanager: Any, *args: Any, pooling_method: str = "avg", **kwargs: Any) -> None:
        super().__init__(datamanager, *args, **kwargs)
        _check_pooling(self.model, pooling_method)


class VideoTripletEngine(ImageTripletEngine):
    """Batch-hard triplet loss and cross-entropy on clips.

    Args:
        datamanager: a `VideoDataManager`.
        args: as for `ImageTripletEngine`.
        pooling_method: as for `VideoSoftmaxEngine`.
        kwargs: as for `ImageTripletEngine`.

    Raises:
        ConfigError: another pooling method than the network's.
    """

    def __init__(self, datamanager: Any, *args: Any, pooling_method: str = "avg", **kwargs: Any) -> None:
        super().__init__(datamanager, *args, **kwargs)
        _check_pooling(self.model, pooling_method)


def _check_pooling(model: Any, pooling_method: str) -> None:
    if pooling_method not in ("avg", "max"):
        raise ConfigError(f"unknown pooling_method {pooling_method!r}; choose 'avg' or 'max'")
    temporal = getattr(model, "build_arguments", {}).get("temporal", "average")
    if (pooling_method == "max") != (temporal in ("max", "maximum")):
        raise ConfigError(
            f"pooling_method={pooling_method!r}, but the network pools by {temporal!r}: pooling over time belongs to "
            f"the network, build it with build_model(..., temporal={pooling_method!r})"
        )
