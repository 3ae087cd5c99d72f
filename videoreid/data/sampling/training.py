"""Sampling rules for training: one random clip.

Names are those of the publications. If a published rule can never reach the last frame, the plain name is the
corrected rule and ``..._published`` the original one.

Every rule returns ``(1, T)`` int64 indices into ``0 .. length - 1``.
"""

import numpy as np

from videoreid.data.sampling.padding import loop_pad, tail_pad
from videoreid.data.sampling.registry import SAMPLING

__all__ = [
    "intelligent",
    "random",
    "random_consecutive",
    "random_consecutive_published",
    "random_crop",
    "random_interval",
    "random_interval_published",
    "restricted",
    "shared_offset",
    "tricks_random",
    "tricks_random_published",
]


@SAMPLING.register("random")
def random(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Draw T frames ``(1, T)`` without replacement, in order; with replacement if the tracklet is shorter.

    Reference: Zhou and Xiang, Torchreid, arXiv 2019.
    """
    return np.sort(generator.choice(length, num_frames, replace=length < num_frames))[None]


@SAMPLING.register("random_crop")
def random_crop(
    length: int, num_frames: int, generator: np.random.Generator, *, stride: int = 8
) -> np.ndarray:
    """Draw T frames ``(1, T)``, ``stride`` apart if the tracklet has ``stride * T`` frames, else as `random` does."""
    if length < stride * num_frames:
        return random(length, num_frames, generator)
    begin = generator.integers(length - stride * (num_frames - 1))
    return (begin + stride * np.arange(num_frames))[None]


@SAMPLING.register("restricted", "rrs")
def restricted(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Cut the tracklet into T equal chunks and draw one frame from each, ``(1, T)`` (restricted random sampling).

    The tracklet is tail-padded to a multiple of T first.

    Reference: Li et al., Diversity Regularized Spatiotemporal Attention for Video-Based Person Re-Identification,
        CVPR 2018.
    """
    chunk = -(-length // num_frames)
    drawn = np.arange(num_frames) * chunk + generator.integers(chunk, size=num_frames)
    return np.minimum(drawn, length - 1)[None]


@SAMPLING.register("shared_offset", "base")
def shared_offset(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Cut as `restricted` does and draw one offset for all chunks: T equally spaced frames ``(1, T)``, random phase."""
    chunk = -(-length // num_frames)
    return np.minimum(np.arange(num_frames) * chunk + generator.integers(chunk), length - 1)[None]


@SAMPLING.register("random_interval")
def random_interval(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Draw one of every s frames in a random window of ``s * T`` frames, s the largest of 8, 4, 2, 1 that fits.

    The result is ``(1, T)``. From a tracklet of fewer than T frames, T are drawn with replacement, in order.

    Reference: Wang et al., Pyramid Spatial-Temporal Aggregation for Video-Based Person Re-Identification, ICCV 2021.
    """
    return _interval_window(length, num_frames, generator, corrected=True)


@SAMPLING.register("random_interval_published")
def random_interval_published(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Draw ``(1, T)`` as `random_interval` does, with the published bound: no window ends on the last frame."""
    return _interval_window(length, num_frames, generator, corrected=False)


@SAMPLING.register("random_consecutive", "jg_random")
def random_consecutive(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Draw T consecutive frames ``(1, T)``; a shorter tracklet loops.

    Reference: Gao and Nevatia, Revisiting Temporal Modeling for Video-based Person ReID, arXiv 2018.
    """
    begin = generator.integers(max(0, length - num_frames) + 1)
    return (begin + loop_pad(length, num_frames))[None]


@SAMPLING.register("random_consecutive_published", "jg_random_published")
def random_consecutive_published(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Draw ``(1, T)`` as `random_consecutive` does, with the published bound, which leaves out the last frame."""
    begin = generator.integers(max(0, length - num_frames - 1) + 1)
    return (begin + loop_pad(length, num_frames))[None]


@SAMPLING.register("tricks_random")
def tricks_random(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Draw T consecutive frames ``(1, T)``; a shorter tracklet repeats its last frame.

    Reference: Pathak et al., Video Person Re-ID: Fantastic Techniques and Where to Find Them, AAAI 2020.
    """
    begin = generator.integers(max(0, length - num_frames) + 1)
    return (begin + tail_pad(length, num_frames))[None]


@SAMPLING.register("tricks_random_published")
def tricks_random_published(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Draw ``(1, T)`` as `tricks_random` does, with the published bound, which leaves out the last frame."""
    begin = generator.integers(max(0, length - num_frames - 1) + 1)
    return (begin + tail_pad(length, num_frames))[None]


@SAMPLING.register("intelligent")
def intelligent(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Draw one frame from each of T segments of ``length // T`` frames, ``(1, T)``; the last runs to the end.

    Reference: Pathak et al., Video Person Re-ID: Fantastic Techniques and Where to Find Them, AAAI 2020.
    """
    segment = max(length // num_frames, 1)
    low = np.minimum(np.arange(num_frames) * segment, length - 1)
    high = np.minimum((np.arange(num_frames) + 1) * segment - 1, length - 1)
    high[-1] = length - 1
    return generator.integers(low, high, endpoint=True)[None]


def _interval_window(
    length: int, num_frames: int, generator: np.random.Generator, *, corrected: bool
) -> np.ndarray:
    if length < num_frames:
        return random(length, num_frames, generator)
    stride = next(s for s in (8, 4, 2, 1) if length >= num_frames * s)
    slack = length - num_frames * stride
    begin = generator.integers((slack if corrected else max(0, slack - 1)) + 1)
    return (begin + stride * np.arange(num_frames) + generator.integers(stride, size=num_frames))[None]
