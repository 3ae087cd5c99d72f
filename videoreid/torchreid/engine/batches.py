"""Convert batches to dictionaries and network outputs to logits and features, the types of torchreid's engines."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD, normalise_frames
from videoreid.types import Clip, ReIDOutput, Tracklet
from videoreid.utils.wrappers import unwrap_model

__all__ = ["as_dictionary", "as_images", "plain_outputs"]


def as_dictionary(
    clip: Clip,
    model: nn.Module,
    *,
    images: bool,
    tracklets: Sequence[Tracklet] | None = None,
    domains: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Return a batch as a dictionary.

    Args:
        clip: on the device of the model, frames uint8.
        model: whose ``pixel_mean`` and ``pixel_std`` (ImageNet's without them) normalise the frames.
        images: give ``(B, 3, H, W)`` instead of ``(B, T, 3, H, W)``.
        tracklets: where the paths are read.
        domains: number of the source of each tracklet.

    Returns:
        ``img`` float32, normalised; ``pid`` and ``camid`` ``(B,)`` int64; where they are known also ``impath``, the
        path of the image or of each tracklet's first frame, and ``dsetid`` ``(B,)`` int64.
    """
    network = unwrap_model(model)
    mean, std = (
        getattr(network, name, usual)
        for name, usual in (("pixel_mean", IMAGENET_MEAN), ("pixel_std", IMAGENET_STD))
    )
    frames = normalise_frames(clip.frames, mean, std)
    data: dict[str, Any] = {
        "img": as_images(frames) if images else frames,
        "pid": clip.pid,
        "camid": clip.camid,
    }
    rows = clip.index.tolist()
    if tracklets is not None:
        data["impath"] = [tracklets[row].frames[0] for row in rows]
    if domains is not None:
        data["dsetid"] = clip.pid.new_tensor([domains[row] for row in rows])
    return data


def as_images(frames: Tensor) -> Tensor:
    """Return clips of one frame ``(B, 1, 3, H, W)`` as images ``(B, 3, H, W)``; longer clips as they are."""
    return frames.squeeze(1) if frames.ndim == 5 and frames.shape[1] == 1 else frames


@contextmanager
def plain_outputs(models: Iterable[nn.Module]) -> Iterator[None]:
    """Let networks in train mode return what torchreid's do, inside the block.

    That is the logits, or ``(logits, features)`` where a network was built with ``loss="triplet"``; of several heads a
    tuple instead of a tensor.

    Args:
        models: networks; those that do not return `ReIDOutput` are left alone.
    """
    with ExitStack() as stack:
        for model in models:
            stack.callback(unwrap_model(model).register_forward_hook(_plain).remove)
        yield


def _plain(module: nn.Module, args: Any, output: Any) -> Any:
    del args
    if not isinstance(output, ReIDOutput):
        return output
    logits = _one(output.logits)
    return (logits, _one(output.features)) if getattr(module, "loss", "") == "triplet" else logits


def _one(heads: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    return heads[0] if len(heads) == 1 else heads
