"""Register the user's datasets, written as torchreid dataset classes."""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from videoreid.data.datasets import DATASETS, relabel_pids
from videoreid.errors import DatasetError
from videoreid.types import Splits, Tracklet

__all__ = ["register_image_dataset", "register_video_dataset"]


def register_video_dataset(name: str, dataset: Callable[..., Any]) -> None:
    """Register a dataset under a name, for `build_dataset` and `VideoDataManager`.

    Args:
        name: a name that is not registered.
        dataset: called with ``root`` and the options it accepts; returns `Splits`, or anything with ``train``,
            ``query`` and ``gallery`` that are lists of ``(paths, pid, camid)``, such as a torchreid dataset class.

    Raises:
        ConfigError: the name is registered already.
    """

    def load(root: str | Path | None = None, **kwargs: Any) -> Splits:
        made = dataset(root="" if root is None else str(root), **_accepted(dataset, kwargs))
        if isinstance(made, Splits):
            return made
        train, query, gallery = (
            _tracklets(getattr(made, part), name, part) for part in ("train", "query", "gallery")
        )
        cameras = {tracklet.camid for tracklet in (*query, *gallery)}
        protocol = "no_cameras" if cameras == {-1} else "cross_camera"
        return Splits(name, relabel_pids(train), query, gallery, protocol, "your own data")

    DATASETS.register(name)(load)


def register_image_dataset(name: str, dataset: Callable[..., Any]) -> None:
    """Register an image dataset under a name; entries are ``(path, pid, camid)``. See `register_video_dataset`."""
    register_video_dataset(name, dataset)


def _accepted(function: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return kwargs
    names = {parameter.name for parameter in parameters}
    return {key: value for key, value in kwargs.items() if key in names}


def _tracklets(entries: Sequence[tuple], name: str, part: str) -> tuple[Tracklet, ...]:
    tracklets = []
    for number, entry in enumerate(entries):
        try:
            paths, pid, camid = entry[:3]
            frames = (str(paths),) if isinstance(paths, str | Path) else tuple(map(str, paths))
            tracklets.append(Tracklet(frames, int(pid), int(camid)))
        except (TypeError, ValueError) as error:
            raise DatasetError(
                f"{name}: entry {number} of {part} is {entry!r}; expected (paths, pid, camid): {error}"
            ) from None
    return tuple(tracklets)
