"""Runtimes of exported files, with one interface: pixels in, embeddings out."""

import os
import warnings
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from videoreid.errors import ConfigError, MissingExtraError, WeightsError
from videoreid.export.metadata import METADATA_KEY

__all__ = ["SUFFIXES", "InputPort", "Runtime", "open_runtime", "run_in_pieces"]

SUFFIXES = {"onnx": ".onnx", "torchscript": ".ts", "openvino": ".xml"}
_TYPES = {
    **{"tensor(float)": torch.float32, "tensor(uint8)": torch.uint8, "tensor(float16)": torch.float16},
    **{"f32": torch.float32, "u8": torch.uint8, "f16": torch.float16},
}


class InputPort(NamedTuple):
    """The one input of a file.

    Args:
        shape: sizes by axis; None where any size is allowed.
        dtype: type of its numbers.
    """

    shape: tuple[int | None, ...]
    dtype: torch.dtype


class Runtime(Protocol):
    """A loaded file; it keeps no state between calls, so threads and copies of a session may share it."""

    metadata: str | None
    input: InputPort
    name: str  # of the input

    def run(self, pixels: Tensor) -> Tensor:
        """Return the first output ``(N, D)`` for the one input ``(N, ...)``."""


def run_in_pieces(runtime: Runtime, pixels: Tensor, batch: int | None) -> Tensor:
    """Run a file on any number of rows, also if the file is fixed to a number of them.

    Args:
        runtime: the loaded file.
        pixels: ``(N, ...)`` as the file takes them.
        batch: rows of a call, the last piece is padded; None runs all at once.

    Raises:
        WeightsError: the file returns another number of rows, or no float numbers.
    """
    if len(pixels) == 0:
        return torch.empty(0, runtime.run(pixels.new_zeros(batch or 1, *pixels.shape[1:])).shape[1])
    parts = []
    for part in pixels.split(batch or len(pixels)):
        missing = (batch or len(part)) - len(part)
        padded = torch.cat([part, part[-1:].expand(missing, *part.shape[1:])]) if missing else part
        answer = runtime.run(padded)
        if len(answer) != len(padded) or not answer.is_floating_point():
            raise WeightsError(f"the network returns {tuple(answer.shape)} for {len(padded)} rows")
        parts.append(answer[: len(part)])
    return torch.cat(parts)


class _Shared:
    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self  # without state, no copy is needed


class OnnxRuntime(_Shared):
    """A file that onnxruntime runs.

    Args:
        path: the file.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        WeightsError: the file is not an ONNX network, or has several inputs.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("onnxruntime", "export", "running an ONNX file") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised, not logged
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            self._session = onnxruntime.InferenceSession(
                os.fspath(path), options, providers=onnxruntime.get_available_providers()
            )
        except Exception as error:  # the errors of onnxruntime have no common base class
            raise WeightsError(f"{path} cannot be run by onnxruntime: {error}") from error
        port = _only([(one.name, one.shape, one.type) for one in self._session.get_inputs()], path)
        self.name: str = port[0]
        shape = tuple(side if isinstance(side, int) else None for side in port[1])
        self.input = InputPort(shape, _type(port[2], path))
        self.metadata = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)

    def run(self, pixels: Tensor) -> Tensor:
        """Return the first output ``(N, D)``."""
        answer = self._session.run(None, {self.name: pixels.contiguous().cpu().numpy()})[0]
        return torch.from_numpy(answer)


class TorchScriptRuntime(_Shared):
    """A traced network of this library, run on the CPU.

    Args:
        path: the file.

    Raises:
        WeightsError: the file is not a TorchScript network, or does not come from `export_model`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        extra = {METADATA_KEY: ""}
        try:
            with warnings.catch_warnings():  # warns that the format is old
                warnings.simplefilter("ignore", FutureWarning)
                module = torch.jit.load(os.fspath(path), map_location="cpu", _extra_files=extra)
            self._module = module.eval()
        except (RuntimeError, ValueError) as error:
            reason = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise WeightsError(f"{path} is damaged, or no TorchScript file: {reason}") from error
        text: Any = extra[METADATA_KEY]
        self.metadata = text.decode() if isinstance(text, bytes) else text
        if not self.metadata:
            raise WeightsError(
                f"{path} does not come from export_model: load it with torch.jit.load, and give it pixel_mean and "
                "pixel_std (see videoreid.models.running.run_model)"
            )
        self.input = InputPort((None, None, 3, None, None), torch.uint8)
        self.name = "frames"

    def run(self, pixels: Tensor) -> Tensor:
        """Return the output ``(N, D)``."""
        with torch.no_grad():
            answer: Tensor = self._module(pixels.cpu())
        return answer


class OpenVinoRuntime(_Shared):
    """A network in OpenVINO's files, run on the CPU in float32.

    Args:
        path: the ``.xml`` file; the ``.bin`` file must be beside it.

    Raises:
        MissingExtraError: openvino is not installed.
        WeightsError: the file is not an OpenVINO network, or has several inputs.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import openvino
        except ImportError as error:
            raise MissingExtraError("openvino", "openvino", "running OpenVINO's files") from error
        try:
            core = openvino.Core()
            model = core.read_model(os.fspath(path))
            rules = {"INFERENCE_PRECISION_HINT": "f32"}
            self._compiled = core.compile_model(model, "CPU", rules)
        except Exception as error:  # openvino raises RuntimeError and kinds of its own
            raise WeightsError(f"{path} cannot be run by OpenVINO: {error}") from error
        port = _only(list(model.inputs), path)
        sides = port.get_partial_shape()
        shape = tuple(None if side.is_dynamic else side.get_length() for side in sides)
        self.input = InputPort(shape, _type(port.get_element_type().get_type_name(), path))
        self.name = str(port.get_any_name()) if port.get_names() else ""
        known = model.has_rt_info([METADATA_KEY])
        self.metadata = str(model.get_rt_info([METADATA_KEY]).astype(str)) if known else None

    def run(self, pixels: Tensor) -> Tensor:
        """Return the first output ``(N, D)``."""
        request = self._compiled.create_infer_request()
        answer = request.infer([pixels.contiguous().cpu().numpy()])
        return torch.from_numpy(answer[0].copy())


def _only(ports: list[Any], path: str | os.PathLike[str]) -> Any:
    if len(ports) != 1:
        raise WeightsError(f"{path} has {len(ports)} inputs; expected one, of images or of clips")
    return ports[0]


def _type(name: str, path: str | os.PathLike[str]) -> torch.dtype:
    if name not in _TYPES:
        raise WeightsError(f"{path} takes input of type {name}; expected uint8, float16 or float32")
    return _TYPES[name]


def open_runtime(path: str | os.PathLike[str]) -> Runtime:
    """Load a file with the runtime of its suffix.

    Raises:
        WeightsError: the file does not exist or cannot be loaded.
        ConfigError: the suffix is unknown.
    """
    kinds: dict[str, type] = {
        ".onnx": OnnxRuntime,
        ".ts": TorchScriptRuntime,
        ".xml": OpenVinoRuntime,
    }
    path = Path(path).expanduser()
    if path.suffix not in kinds:
        raise ConfigError(f"{path}: expected a name that ends in one of {', '.join(kinds)}")
    if not path.is_file():
        raise WeightsError(f"no exported network at {path}; videoreid export writes one")
    runtime: Runtime = kinds[path.suffix](path)
    return runtime
