"""Export of a network to a file, which is kept only if it returns the network's embeddings."""

import contextlib
import copy
import io
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from videoreid._version import __version__
from videoreid.errors import ConfigError, ExportError, MissingExtraError, VideoReIDError
from videoreid.export.metadata import METADATA_KEY, ExportMetadata
from videoreid.export.parity import check_parity, varied_clips
from videoreid.export.runtimes import SUFFIXES
from videoreid.export.session import ExportedModel
from videoreid.models.base import ReIDModel
from videoreid.models.digest import weights_digest
from videoreid.utils.files import atomic_path, disk_errors
from videoreid.utils.wrappers import unwrap_model

__all__ = ["Target", "export_model"]

Target = Literal["onnx", "torchscript", "openvino"]
InputType = Literal["uint8", "float32"]
ExportPrecision = Literal["float32", "float16"]
_OPSET = 20


class _WithPixels(nn.Module):
    """The traced graph: pixels 0..255 to the embedding, with normalisation inside, float32 at both ends."""

    def __init__(self, network: ReIDModel) -> None:
        super().__init__()
        self.network = network
        self.dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
        mean, std = (
            torch.tensor(values, dtype=torch.float64) for values in (network.pixel_mean, network.pixel_std)
        )
        self.register_buffer("scale", (1 / (255 * std)).float().view(3, 1, 1))
        self.register_buffer("shift", (-mean / std).float().view(3, 1, 1))

    def forward(self, frames: Tensor) -> Tensor:
        scale, shift = self.get_buffer("scale"), self.get_buffer("shift")
        normalised = frames.float() * scale + shift
        if self.dtype == torch.float32:
            return self.network.forward_clips(normalised).embedding
        return self.network.forward_clips(normalised.to(self.dtype)).embedding.float()


def export_model(
    model: nn.Module,
    path: str | os.PathLike[str],
    to: Target = "onnx",
    *,
    input_type: InputType = "uint8",
    size: tuple[int, int] | None = None,
    frames: int | None = None,
    batch: int | None = None,
    precision: ExportPrecision = "float32",
) -> float:
    """Write a network to a file for another runtime, and keep the file only if both return the same embeddings.

    The file takes clips ``(B, T, 3, H, W)`` of any B and T, computes in float32, and normalises pixels itself. For the
    comparison it runs in the target's runtime on batches of 1, 2 and 7 clips of 1, 4 and 9 frames.

    Args:
        model: a `ReIDModel`, or a wrapper around one; it is not changed.
        path: the file; its suffix must be the target's: ``.onnx``, ``.ts`` or ``.xml``.
        to: "onnx", "torchscript", or "openvino" (needs that package).
        input_type: "uint8", or "float32" for pixels 0..255 in float.
        size: (height, width); the network's own by default.
        frames: fix the clip length to this T; by default any length that the network allows.
        batch: fix the number of clips of a call, for networks whose trace fixes it; a session of `load` splits batches
            accordingly.
        precision: "float16" halves the file, does not change input and output types, and may differ by 1e-2. See
            `quantise_model` for int8.

    Returns:
        The largest error of an embedding in the comparison, relative to its length.

    Raises:
        ConfigError: the suffix is not the target's, or the network needs camera numbers.
        ExportError: the network cannot be exported, or the file's embeddings differ by more than 1e-3 (float16: 1e-2)
            or have another shape. No file is left then.
        MissingExtraError: the runtime is not installed.
    """
    path = Path(path)
    network = _prepared(model, path, to, input_type)
    if precision not in ("float32", "float16"):
        raise ConfigError(
            f"precision is 'float32' or 'float16', not {precision!r}; int8 is made by quantise_model"
        )
    size = size or network.input_size
    fixed = frames if frames is not None else network.frames
    if min(fixed or 1, batch or 1) < 1 or 0 in (frames, batch):
        raise ConfigError(f"frames and batch must be 1 or more, got {frames} and {batch}")
    exact = _WithPixels(network).eval()
    graph = _WithPixels(copy.deepcopy(network).half()).eval() if precision == "float16" else exact
    example = varied_clips(batch or 2, fixed or 3, size, seed=0).to(getattr(torch, input_type))
    record = replace(_describe(model, network, exact, example, fixed), batch=batch, precision=precision)
    with atomic_path(path) as temporary:
        weights = temporary.with_suffix(".bin")  # only OpenVINO writes this file
        try:
            with disk_errors(path):
                _write(graph, example, temporary, to, record)
            error = check_parity(exact, temporary, record, origin=str(path))
            if weights.exists():
                weights.replace(path.with_suffix(".bin"))
        finally:
            weights.unlink(missing_ok=True)
    return error


def _prepared(model: nn.Module, path: Path, to: str, input_type: str) -> ReIDModel:
    network = unwrap_model(model)
    if to not in SUFFIXES or input_type not in ("uint8", "float32"):
        raise ConfigError(
            f"cannot export to {to!r} with input {input_type!r}: targets are {', '.join(SUFFIXES)}, inputs uint8 and "
            "float32"
        )
    if path.suffix != SUFFIXES[to]:
        raise ConfigError(f"a file for {to} must end in {SUFFIXES[to]}, not {path.name!r}")
    if not isinstance(network, ReIDModel) or isinstance(network, ExportedModel):
        raise ConfigError(f"only networks of videoreid.models are exported, not a {type(network).__name__}")
    if network.uses_cameras:
        raise ConfigError(
            "the network uses camera numbers, which an exported file does not take: build it without them, or set "
            "model.uses_cameras = False if embeddings without them are acceptable"
        )
    return copy.deepcopy(network).cpu().float().eval()


def _describe(
    model: nn.Module, network: ReIDModel, graph: nn.Module, example: Tensor, frames: int | None
) -> ExportMetadata:
    try:
        with torch.no_grad():
            width = graph(example).shape[1]
    except (RuntimeError, ValueError, VideoReIDError) as error:
        raise ExportError(f"the network does not run on frames {tuple(example.shape)}: {error}") from error
    height, wide = example.shape[-2:]
    rule = getattr(network, "clip_rule", None)
    return ExportMetadata(
        model=str(network.build_arguments.get("name", type(network).__name__)),
        input_size=(height, wide),
        input_type=str(example.dtype).removeprefix("torch."),
        pixel_mean=tuple(network.pixel_mean),
        pixel_std=tuple(network.pixel_std),
        frames=frames,
        embedding_dim=width,
        clip_rule={} if rule is None else asdict(rule),
        weights_sha256=weights_digest(model),
        library=__version__,
    )


def _write(graph: nn.Module, example: Tensor, path: Path, to: str, record: ExportMetadata) -> None:
    writers: dict[str, Callable[..., None]] = {
        "onnx": _write_onnx,
        "torchscript": _write_torchscript,
        "openvino": _write_openvino,
    }
    try:
        # a failing exporter prints the whole graph
        with warnings.catch_warnings(), torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # the comparison finds fixed sizes, so warnings are not needed
            writers[to](graph, example, path, record)
    except (VideoReIDError, OSError, MemoryError):
        raise
    except Exception as error:  # exporters raise a dozen kinds without a common base
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"{record.model} cannot be exported to {to}: {reason}") from error


def _write_onnx(graph: nn.Module, example: Tensor, path: Path, record: ExportMetadata) -> None:
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx", "export", "exporting to ONNX") from error
    free = {axis: name for axis, name, size in _axes(record) if size is None}
    with _plain_attention():
        torch.onnx.export(
            graph,
            (example,),
            str(path),
            dynamo=False,  # tracing takes seconds, graph capture minutes; the comparison checks the result
            opset_version=_OPSET,
            input_names=["frames"],
            output_names=["embedding"],
            dynamic_axes={"frames": free, "embedding": {} if record.batch else {0: "clips"}},
        )
    written = onnx.load(str(path))
    onnx.helper.set_model_props(written, {METADATA_KEY: record.to_json()})
    onnx.save(written, str(path))


@contextlib.contextmanager
def _plain_attention() -> Iterator[None]:
    """Let transformer layers run operator by operator: ONNX has no counterpart of PyTorch's fused layer."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _axes(record: ExportMetadata) -> tuple[tuple[int, str, int | None], ...]:
    return (0, "clips", record.batch), (1, "frames", record.frames)


def _write_torchscript(graph: nn.Module, example: Tensor, path: Path, record: ExportMetadata) -> None:
    traced: Any = torch.jit.trace(graph, example, check_trace=False)
    buffer = io.BytesIO()  # PyTorch ends the process if it cannot close a file on a full disk
    torch.jit.save(traced, buffer, _extra_files={METADATA_KEY: record.to_json()})
    path.write_bytes(buffer.getbuffer())


def _write_openvino(graph: nn.Module, example: Tensor, path: Path, record: ExportMetadata) -> None:
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("openvino", "openvino", "exporting to OpenVINO") from error
    onnx_file = path.with_suffix(".onnx")
    try:
        _write_onnx(graph, example, onnx_file, record)
        converted = openvino.convert_model(str(onnx_file))
        converted.set_rt_info(record.to_json(), [METADATA_KEY])
        openvino.save_model(converted, str(path), compress_to_fp16=record.precision == "float16")
    finally:
        onnx_file.unlink(missing_ok=True)
