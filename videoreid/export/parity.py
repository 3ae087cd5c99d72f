"""Comparison of an exported file with its network."""

from pathlib import Path

import torch
from torch import Tensor, nn

from videoreid.errors import ExportError, VideoReIDError
from videoreid.export.metadata import ExportMetadata
from videoreid.export.runtimes import open_runtime, run_in_pieces

__all__ = ["TOLERANCE", "TOLERANCES", "check_parity", "varied_clips"]

TOLERANCE = 1e-3
TOLERANCES = {"float32": TOLERANCE, "float16": 1e-2}
"""Largest relative error of an embedding, by the precision of a file; int8 is judged by `quantise_model`."""
_BATCHES = (1, 2, 7)
_LENGTHS = (1, 4, 9)


def varied_clips(batch: int, length: int, size: tuple[int, int], *, seed: int) -> Tensor:
    """Return different uint8 clips ``(B, T, 3, H, W)``: coarse patches, with a random contrast per frame.

    Most networks return nearly equal embeddings for frames of plain noise, so a file that mixes up clips would pass.
    """
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch * length, 3, 8, 4, generator=generator)
    patches = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")
    level = torch.rand(batch * length, 3, 1, 1, generator=generator)
    contrast = 0.2 + 0.8 * torch.rand(batch * length, 1, 1, 1, generator=generator)
    noise = 0.1 * torch.rand(batch * length, 3, *size, generator=generator)
    pixels = ((patches - 0.5) * contrast + level + noise).clamp(0, 1) * 255
    return pixels.to(torch.uint8).unflatten(0, (batch, length))


def check_parity(graph: nn.Module, path: Path, record: ExportMetadata, *, origin: str) -> float:
    """Run file and network on batches of 1, 2 and 7 clips and compare their embeddings row by row.

    Args:
        graph: the network, pixels to embedding.
        path: the file.
        record: metadata of the file; if it fixes the clip length, only this length is run.
        origin: name of the file in messages.

    Returns:
        The largest relative error.

    Raises:
        ExportError: an error above that of `TOLERANCES`, another shape, NaN, or a failure of either.
    """
    runtime = open_runtime(path)
    worst = 0.0
    for length in (record.frames,) if record.frames else _LENGTHS:
        for batch in _BATCHES:
            where = f"{origin}, {batch} clips of {length} frames"
            frames = varied_clips(batch, length, record.input_size, seed=100 * batch + length)
            frames = frames.to(getattr(torch, record.input_type))
            try:
                with torch.no_grad():
                    expected = graph(frames)
                answer = run_in_pieces(runtime, frames, record.batch)
            except VideoReIDError as error:
                raise ExportError(f"{where}: {error}; {_REMEDY}") from error
            except Exception as error:  # each runtime raises kinds of its own
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ExportError(f"{where}: the file cannot be run there ({reason}); {_REMEDY}") from error
            worst = max(worst, _error(answer, expected, where, TOLERANCES[record.precision]))
    return worst


_REMEDY = (
    "no file was written. If only other clip lengths fail, export with frames=T; if other batches fail, with batch=1: "
    "a session splits batches"
)


def _error(answer: Tensor, expected: Tensor, where: str, allowed: float) -> float:
    if answer.shape != expected.shape:
        raise ExportError(
            f"{where}: the file returns {tuple(answer.shape)}, the network {tuple(expected.shape)}; {_REMEDY}"
        )
    lengths = expected.double().norm(dim=1).clamp_min(torch.finfo(torch.float32).tiny)
    errors = (answer.double() - expected.double()).norm(dim=1) / lengths
    error = float(errors.max())
    if not error <= allowed:  # NaN as well
        raise ExportError(
            f"{where}: the embeddings of file and network differ, relative error {error:.2g} where {allowed} is "
            f"allowed; {_REMEDY}"
        )
    return error
