"""Batches of frames through the network: one after the other on a GPU, one a core at the same time on a processor."""

import queue
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from videoreid.engine.tracklet_batches import FrameBatch
from videoreid.errors import ProtocolError
from videoreid.inference.eval_copy import eval_copy
from videoreid.inference.extraction import Precision, embed_frames
from videoreid.types import Tracklet
from videoreid.utils.read_ahead import map_ahead

__all__ = ["CPU_FRAMES", "Forward", "embed_batches", "one_thread"]

CPU_FRAMES = 16
"""Frames of a batch on a processor: enough for full matrix products, and few enough for its caches."""


@dataclass(frozen=True)
class Forward:
    """How a batch becomes embeddings.

    Args:
        runner: the network, an eval copy.
        precision: arithmetic of the forward pass.
        flip: add the embedding of the mirrored frames.
        workers: batches at the same time, each on one core; 1 leaves the cores to the operators of one batch.
    """

    runner: nn.Module
    precision: Precision
    flip: bool
    workers: int = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the operators of PyTorch use one core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def embed_batches(
    forward: Forward, batches: Iterator[FrameBatch], tracklets: Sequence[Tracklet]
) -> Iterator[tuple[FrameBatch, Tensor]]:
    """Yield every batch with its embeddings ``(B, D)`` float64 on the CPU, in order.

    Args:
        forward: the network. With several workers each one runs a copy of the modules, which shares the weights.
        batches: what to run.
        tracklets: all of them; for the cameras, and to name one in an error.

    Raises:
        ProtocolError: an embedding is NaN or infinite.
    """
    batches = _on_device(batches, _device_of(forward.runner))
    if forward.workers == 1:
        for batch in batches:
            yield batch, _embed(forward, forward.runner, batch, tracklets)
        return
    free: queue.SimpleQueue[nn.Module] = queue.SimpleQueue()
    for _ in range(forward.workers):
        free.put(eval_copy(forward.runner))

    def embed(batch: FrameBatch) -> Tensor:
        torch.set_num_threads(
            1
        )  # of this thread; one core a batch wastes less than all cores on each operator
        runner = free.get()
        try:
            return _embed(forward, runner, batch, tracklets)
        finally:
            free.put(runner)

    threads = torch.get_num_threads()
    try:
        with closing(map_ahead(embed, batches, workers=forward.workers)) as embedded:
            yield from embedded
    finally:
        torch.set_num_threads(threads)  # threads that start later take the last number that was set in any


def _embed(forward: Forward, runner: nn.Module, batch: FrameBatch, tracklets: Sequence[Tracklet]) -> Tensor:
    """Return ``(B, D)`` float64 on the CPU."""
    camids = torch.tensor([tracklets[row].camid for row in batch.rows])
    with torch.inference_mode():
        vectors = embed_frames(
            runner, batch.frames, camids, flip=forward.flip, precision=forward.precision
        ).cpu()
    bad = (~torch.isfinite(vectors).all(dim=1)).nonzero().flatten().tolist()
    if bad:
        row = batch.rows[bad[0]]
        raise ProtocolError(
            f"the embedding of tracklet {row} ({tracklets[row].frames[0]} ...) is NaN or infinite in "
            f"{forward.precision}: check the weights, or take precision='float32'"
        )
    return vectors.double()


def _device_of(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _on_device(batches: Iterator[FrameBatch], device: torch.device) -> Iterator[FrameBatch]:
    """Copy batches to a GPU from pinned memory on a stream of their own, one ahead of the network."""
    if device.type != "cuda":
        yield from batches
        return
    stream = torch.cuda.Stream(device)
    waiting: tuple[FrameBatch, torch.cuda.Event] | None = None
    for batch in batches:
        with torch.cuda.stream(stream):
            frames = batch.frames.pin_memory().to(device, non_blocking=True)
            coming = batch._replace(frames=frames), stream.record_event()
        if waiting is not None:
            yield _arrived(*waiting, device)
        waiting = coming
    if waiting is not None:
        yield _arrived(*waiting, device)


def _arrived(batch: FrameBatch, event: torch.cuda.Event, device: torch.device) -> FrameBatch:
    current = torch.cuda.current_stream(device)
    current.wait_event(event)
    batch.frames.record_stream(current)  # the allocator must not give its memory away on the other stream
    return batch
