"""Read the frames of a video for ``videoreid rank`` in their order, without writing crops."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from videoreid.types import Features, Tracklet

__all__ = ["embed_in_order", "frames_for_pictures"]

_MOST = 2000


def embed_in_order(
    embed: "Callable[[Sequence[Tracklet]], Features]", parts: "Sequence[Sequence[Tracklet]]"
) -> "list[Features]":
    """Embed tracklets of one video with a network of single frames.

    Frames of all tracklets are embedded in the order of the video, which is decoded once; the embedding of a tracklet
    is the mean over its frames.

    Args:
        embed: function from one-frame tracklets to features in their order.
        parts: lists of tracklets, such as query and gallery.

    Returns:
        The features of each part.
    """
    import torch

    from videoreid.data.keys import parse_key
    from videoreid.types import Features, Tracklet

    tracklets = [tracklet for part in parts for tracklet in part]
    rows = sorted(
        (parse_key(key).frame, number, key)
        for number, tracklet in enumerate(tracklets)
        for key in tracklet.frames
    )
    found = embed(
        [Tracklet((key,), tracklets[n].pid, tracklets[n].camid) for _, n, key in rows]
    ).embeddings.cpu()
    owner = torch.tensor([number for _, number, _ in rows])
    counts = torch.bincount(owner, minlength=len(tracklets)).unsqueeze(1)
    means = torch.zeros(len(tracklets), found.shape[1]).index_add_(0, owner, found) / counts
    split = means.split([len(part) for part in parts])
    return [Features.of(mean, part) for mean, part in zip(split, parts, strict=True)]


def frames_for_pictures(
    tracklets: "Sequence[Tracklet]", counts: Sequence[int]
) -> "Callable[[Sequence[str]], list[np.ndarray]]":
    """Return a reader of frame keys that has already read the frames of all strips, in the order of the video.

    Images are ``(H, W, 3)`` uint8. With more than 2,000 tracklets no frame is read ahead.

    Args:
        tracklets: tracklets that may be drawn.
        counts: frames per strip, for every kind of strip that will be drawn.
    """
    from videoreid.data import FrameReader
    from videoreid.data.keys import parse_key
    from videoreid.visual.strips import pick_frames

    reader = FrameReader()
    chosen = tracklets if len(tracklets) <= _MOST else ()
    keys = {key for tracklet in chosen for count in counts for key in pick_frames(tracklet, count)}
    kept = {key: reader.read([key])[0].copy() for key in sorted(keys, key=lambda key: parse_key(key).frame)}

    def read(frames: Sequence[str]) -> "list[np.ndarray]":
        return [kept[key] if key in kept else reader.read([key])[0] for key in frames]

    return read
