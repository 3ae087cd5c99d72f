"""Sampling rules for evaluation: one fixed clip, or several clips that cover a tracklet.

The embeddings of several clips of a tracklet are averaged (`videoreid.engine.extract_features`).

Every rule returns ``(num_clips, T)`` int64 indices into ``0 .. length - 1``.
"""

from collections.abc import Iterable

import numpy as np

from videoreid.data.sampling.padding import loop_pad, tail_pad
from videoreid.data.sampling.registry import SAMPLING

__all__ = [
    "all_continuous",
    "all_frames",
    "all_full_clips",
    "all_strided",
    "all_strided_repeated",
    "begin_crop",
    "begin_interval",
    "begin_narrow",
    "center_crop",
    "dense",
    "dense_subset",
    "dense_subset_published",
    "evenly",
    "psta_dense",
    "restricted_first",
    "tricks_dense",
    "tricks_dense_published",
]


@SAMPLING.register("evenly")
def evenly(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take T equally spaced frames ``(1, T)``, starting at the first; a shorter tracklet repeats its last frame.

    Reference: Zhou and Xiang, Torchreid, arXiv 2019.
    """
    if length < num_frames:
        return tail_pad(length, num_frames)[None]
    return (np.arange(num_frames) * (length // num_frames))[None]


@SAMPLING.register("rrs_first", "rrs0", "restricted_first")
def restricted_first(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take the first frame of each of the T chunks of `restricted`, ``(1, T)``."""
    chunk = -(-length // num_frames)
    return np.minimum(np.arange(num_frames) * chunk, length - 1)[None]


@SAMPLING.register("begin_crop")
def begin_crop(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take T frames ``(1, T)`` from the start, with the largest stride of 8, 4, 2, 1 that fits; short ones loop."""
    return _from_the_start(length, num_frames, (8, 4, 2, 1))


@SAMPLING.register("begin_interval")
def begin_interval(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take T frames ``(1, T)`` from the start, with the largest stride of T, T/2, T/4, T/8 that fits; short ones loop.

    Reference: Wang et al., Pyramid Spatial-Temporal Aggregation for Video-Based Person Re-Identification, ICCV 2021.
    """
    return _from_the_start(length, num_frames, (num_frames // part for part in (1, 2, 4, 8)))


@SAMPLING.register("begin_narrow", "bicnet_first")
def begin_narrow(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take T frames ``(1, T)`` from the start, with the largest stride of 4, 2, 1 that fits; short ones loop.

    Reference: Hou et al., BiCnet-TKS: Learning Efficient Spatial-Temporal Representation for Video Person
        Re-Identification, CVPR 2021.
    """
    return _from_the_start(length, num_frames, (4, 2, 1))


@SAMPLING.register("center_crop")
def center_crop(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take T consecutive frames ``(1, T)`` from the middle; a shorter tracklet loops."""
    if length < num_frames:
        return loop_pad(length, num_frames)[None]
    return (length // 2 - num_frames // 2 + np.arange(num_frames))[None]


@SAMPLING.register("all_strided", "test_all_sampled")
def all_strided(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take every frame, in clips that each span the whole tracklet: clip j is ``j, m + j, 2 m + j, ...``.

    The tracklet is tail-padded to ``m * T``; there are m clips, ``(m, T)``.
    """
    clips = -(-length // num_frames)
    return tail_pad(length, clips * num_frames).reshape(num_frames, clips).T


@SAMPLING.register("all_strided_repeated", "sinet_all")
def all_strided_repeated(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take every frame in clips ``(m, T)`` as `all_strided` does; missing frames are filled by doubling the last ones.

    Reference: Bai et al., Salient-to-Broad Transition for Video Person Re-identification, CVPR 2022.
    """
    clips = -(-length // num_frames)
    total = clips * num_frames
    times = np.full(length, total // length)
    lacking = total - times.sum()
    times[length - lacking :] += 1
    return np.repeat(np.arange(length), times).reshape(num_frames, clips).T


@SAMPLING.register("all_continuous", "test_all_continuous")
def all_continuous(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take every frame in order, in consecutive clips ``(num_clips, T)``; the last repeats the last frame."""
    clips = -(-length // num_frames)
    return tail_pad(length, clips * num_frames).reshape(clips, num_frames)


@SAMPLING.register("all")
def all_frames(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take every frame as one clip ``(1, length)``, whatever T; a batch holds one such clip."""
    return np.arange(length)[None]


@SAMPLING.register("all_full_clips", "ame_all")
def all_full_clips(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take consecutive clips ``(num_clips, T)`` and drop the remainder; a tracklet shorter than T loops."""
    if length < num_frames:
        return loop_pad(length, num_frames)[None]
    clips = length // num_frames
    return np.arange(clips * num_frames).reshape(clips, num_frames)


@SAMPLING.register("dense", "jg_dense")
def dense(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take every frame in order, in consecutive clips ``(num_clips, T)``; the last loops its own frames.

    Reference: Gao and Nevatia, Revisiting Temporal Modeling for Video-based Person ReID, arXiv 2018.
    """
    return _consecutive_clips(0, length, num_frames)


@SAMPLING.register("psta_dense")
def psta_dense(
    length: int, num_frames: int, generator: np.random.Generator, *, max_clips: int = 200
) -> np.ndarray:
    """Take ``m = n // T`` strided clips ``(m, T)`` as `all_strided` does, without the last ``n - m T`` frames.

    If there are more than ``max_clips`` clips, a random contiguous run of ``max_clips`` is kept.

    Reference: Wang et al., Pyramid Spatial-Temporal Aggregation for Video-Based Person Re-Identification, ICCV 2021.
    """
    if length <= num_frames:
        return loop_pad(length, num_frames)[None]
    clips = length // num_frames
    indices = np.arange(clips * num_frames).reshape(num_frames, clips).T
    if clips <= max_clips:
        return indices
    begin = generator.integers(clips - max_clips + 1)
    return indices[begin : begin + max_clips]


@SAMPLING.register("tricks_dense")
def tricks_dense(
    length: int, num_frames: int, generator: np.random.Generator, *, max_clips: int = 40
) -> np.ndarray:
    """Take the first ``max_clips`` clips of `dense`, ``(num_clips, T)``.

    Reference: Pathak et al., Video Person Re-ID: Fantastic Techniques and Where to Find Them, AAAI 2020.
    """
    return _consecutive_clips(0, length, num_frames)[:max_clips]


@SAMPLING.register("tricks_dense_published")
def tricks_dense_published(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take ``(num_clips, T)`` as `tricks_dense` does, with the published stopping rule, which keeps a 41st clip."""
    return _consecutive_clips(0, length, num_frames)[:41]


@SAMPLING.register("dense_subset")
def dense_subset(
    length: int, num_frames: int, generator: np.random.Generator, *, max_length: int = 40
) -> np.ndarray:
    """Take the clips of `dense` after a random start at least ``max_length`` frames before the end.

    At most ``max_length`` clips are kept, ``(num_clips, T)``.

    Reference: Pathak et al., Video Person Re-ID: Fantastic Techniques and Where to Find Them, AAAI 2020.
    """
    begin = int(generator.integers(max(0, length - max_length) + 1))
    return _consecutive_clips(begin, length, num_frames)[:max_length]


@SAMPLING.register("dense_subset_published")
def dense_subset_published(length: int, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """Take ``(num_clips, T)`` as `dense_subset` does, with the published bounds: one start fewer, and a 41st clip."""
    begin = int(generator.integers(max(0, length - 40 - 1) + 1))
    return _consecutive_clips(begin, length, num_frames)[:41]


def _from_the_start(length: int, num_frames: int, strides: Iterable[int]) -> np.ndarray:
    for stride in strides:
        if stride >= 1 and length >= stride * (num_frames - 1) + 1:
            return (stride * np.arange(num_frames))[None]
    return loop_pad(length, num_frames)[None]


def _consecutive_clips(begin: int, end: int, num_frames: int) -> np.ndarray:
    count = end - begin
    clips = -(-count // num_frames)
    indices = np.arange(clips * num_frames).reshape(clips, num_frames)
    rest = count - (clips - 1) * num_frames
    indices[-1] = (clips - 1) * num_frames + loop_pad(rest, num_frames)
    return begin + indices
