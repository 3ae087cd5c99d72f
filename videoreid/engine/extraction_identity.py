"""Describe what the features of an extraction depend on, so that features of two extractions are never mixed."""

import hashlib
from collections.abc import Sequence
from typing import Any

from torch import nn

from videoreid._version import __version__
from videoreid.engine.tracklet_batches import FramePlan
from videoreid.models.digest import weights_digest
from videoreid.types import Tracklet
from videoreid.utils.wrappers import unwrap_model

__all__ = ["describe_run"]


def describe_run(
    model: nn.Module,
    tracklets: Sequence[Tracklet],
    plan: FramePlan,
    *,
    size: tuple[int, int] | None = None,
    flip: bool = False,
) -> dict[str, str]:
    """Return everything that the features depend on, except the arithmetic, as texts for the feature file.

    Args:
        model: the network.
        tracklets: queries and gallery, in order.
        plan: chooses the frames.
        size: (height, width) in pixels; None takes the network's.
        flip: the embeddings of mirrored frames are added.
    """
    network: Any = unwrap_model(model)
    digest = hashlib.sha256()
    for tracklet in tracklets:
        ids = f"{tracklet.pid} {tracklet.camid} {tracklet.time} {tracklet.end_time} {tracklet.clothes}"
        digest.update("\0".join((ids, *tracklet.frames, "\n")).encode("utf-8", "surrogateescape"))
    arguments = getattr(network, "build_arguments", {})
    height, width = size or network.input_size
    return {
        "model": str(arguments.get("name", type(network).__name__)),
        "weights_sha256": weights_digest(model),
        "frames": f"{plan.sampling}, T = {plan.num_frames}, mean",
        "size": f"{height}x{width}",
        "flip": "yes" if flip else "no",
        "tracklets_sha256": digest.hexdigest(),
        "library": __version__,
    }
