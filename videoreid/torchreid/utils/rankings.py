"""torchreid's ranking visualisation: one picture for each query."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from videoreid.data.frames import FrameReader
from videoreid.errors import ConfigError
from videoreid.metrics import evaluate_distances
from videoreid.types import Tracklet
from videoreid.visual import StripStyle, draw_queries

__all__ = ["visualize_ranked_results"]


def visualize_ranked_results(
    distmat: Tensor | np.ndarray,
    dataset: tuple[Sequence[Any], Sequence[Any]],
    data_type: str,
    width: int = 128,
    height: int = 256,
    save_dir: str | Path = "",
    topk: int = 10,
) -> list[Path]:
    """Draw one picture for each query with its best answers.

    Hits are ticked and green, misses crossed and dashed. Rows of the same person in the same
    camera are left out, as torchreid does.

    Args:
        distmat: ``(Q, G)`` distances.
        dataset: query and gallery: tracklets, or torchreid's ``(path or paths, pid, camid, ...)``.
        data_type: "image" or "video"; a video is drawn with four frames of each tracklet.
        width: of a frame in pixels.
        height: of a frame in pixels.
        save_dir: folder of the pictures.
        topk: answers of a query.

    Returns:
        The pictures, ``<number>_pid<pid>_cam<camid>.png``, in the order of the queries.

    Raises:
        ConfigError: an unknown ``data_type``.
        ProtocolError: the matrix does not fit the dataset.
    """
    if data_type not in ("image", "video"):
        raise ConfigError(f"data_type must be 'image' or 'video', got {data_type!r}")
    query, gallery = ([_tracklet(entry) for entry in part] for part in dataset)
    pids, camids = (
        [np.array([getattr(item, name) for item in part]) for part in (query, gallery)]
        for name in ("pid", "camid")
    )
    ranking = evaluate_distances(distmat, *pids, *camids, protocol="cross_camera", top_k=topk)
    style = StripStyle(1 if data_type == "image" else 4, (height, width), dpi=100, junk=False)
    return draw_queries(
        ranking, query, gallery, save_dir, read_frames=FrameReader().read, top_k=topk, style=style
    )


def _tracklet(entry: Any) -> Tracklet:
    if isinstance(entry, Tracklet):
        return entry
    frames, pid, camid = entry[:3]
    paths = (str(frames),) if isinstance(frames, str | Path) else tuple(map(str, frames))
    return Tracklet(paths, int(pid), int(camid))
