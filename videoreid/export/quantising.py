"""Static int8 quantisation of ONNX files, calibrated on example clips."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videoreid.errors import ConfigError, ExportError, MissingExtraError
from videoreid.export.metadata import METADATA_KEY, ExportMetadata
from videoreid.export.runtimes import Runtime, open_runtime, run_in_pieces
from videoreid.utils.files import atomic_path

__all__ = ["quantise_model"]

_PIECE = 8
_QUANTISED = ("Conv", "Gemm", "MatMul")


def quantise_model(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    clips: Tensor,
    *,
    smallest_cosine: float = 0.9,
) -> float:
    """Write an int8 copy of an exported ONNX file, and keep it only if the embeddings of both are similar.

    Convolutions and linear layers run in int8; the ranges of their values are measured on example clips. The file has
    a quarter of the size, and is faster on processors with int8 multiplication. The loss of mAP depends on the network:
    measure it (`benchmarks/export_precision.py`).

    Args:
        source: a file of `export_model`, of float32.
        path: the new file, ``*.onnx``.
        clips: ``(B, T, 3, H, W)`` uint8, 50 or more real clips in the file's size, not of the test set.
        smallest_cosine: least cosine on the example clips; below it no file is written.

    Returns:
        The smallest cosine between the two files' embeddings of the example clips.

    Raises:
        ConfigError: a file is not ``.onnx``, the source is not float32, or the clips have another form.
        ExportError: the embeddings of the copy differ too much. No file is left then.
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    source, path = Path(source), Path(path)
    if source.suffix != ".onnx" or path.suffix != ".onnx":
        raise ConfigError(
            f"only ONNX files are quantised: {source.name!r} to {path.name!r} is not .onnx to .onnx"
        )
    exact = open_runtime(source)
    record = ExportMetadata.from_json(exact.metadata or "", str(source))
    pixels = _checked(clips, record)
    with atomic_path(path) as temporary:
        _quantise(source, temporary, pixels, exact.name, replace(record, precision="int8"))
        cosine = _smallest_cosine(exact, open_runtime(temporary), pixels, record.batch)
        if cosine < smallest_cosine:
            raise ExportError(
                f"{path}: in int8 the embedding of an example clip has cosine {cosine:.3f} to that in float32, less "
                f"than {smallest_cosine}; no file was written. Give more and more varied clips, or export float16"
            )
    return cosine


def _quantise(source: Path, path: Path, pixels: Tensor, name: str, record: ExportMetadata) -> None:
    try:
        import onnx
        from onnxruntime import quantization
    except ImportError as error:
        raise MissingExtraError("onnx", "export", "quantising an ONNX file") from error
    # activations in 0..255 with a zero point, weights symmetric about zero, per channel
    quantization.quantize_static(
        str(source),
        str(path),
        _reader(quantization.CalibrationDataReader, pixels, name, record.batch or _PIECE),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=list(_QUANTISED),
        per_channel=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        extra_options={"ActivationSymmetric": False, "WeightSymmetric": True},
    )
    written = onnx.load(str(path))
    onnx.helper.set_model_props(written, {METADATA_KEY: record.to_json()})
    onnx.save(written, str(path))


def _smallest_cosine(exact: Runtime, other: Runtime, pixels: Tensor, batch: int | None) -> float:
    first, second = (
        torch.cat([run_in_pieces(runtime, part, batch).float() for part in pixels.split(_PIECE)])
        for runtime in (exact, other)
    )
    return float(torch.nn.functional.cosine_similarity(first, second).nan_to_num(-1.0).min())


def _checked(clips: Tensor, record: ExportMetadata) -> Tensor:
    size = tuple(clips.shape[-2:])
    if clips.ndim != 5 or clips.dtype != torch.uint8 or size != record.input_size or len(clips) == 0:
        raise ConfigError(
            f"expected uint8 clips (B, T, 3, {record.input_size[0]}, {record.input_size[1]}), got {clips.dtype} "
            f"{tuple(clips.shape)}"
        )
    if record.precision != "float32" or (record.frames or clips.shape[1]) != clips.shape[1]:
        raise ConfigError(
            f"the file holds {record.precision} for clips of {record.frames or 'any number of'} frames: give one of "
            f"float32, and clips of that length (here {clips.shape[1]})"
        )
    return clips.to(getattr(torch, record.input_type))


def _reader(base: type, pixels: Tensor, name: str, piece: int) -> Any:
    """Return a reader of calibration data for onnxruntime; its base class is in that package."""

    def batches() -> Iterator[dict[str, np.ndarray]]:
        whole = len(pixels) - len(pixels) % piece or len(pixels)
        for part in pixels[:whole].split(piece):
            yield {name: part.numpy()}

    waiting = batches()
    reader: Any = type("Clips", (base,), {"get_next": lambda self: next(waiting, None)})()
    return reader
