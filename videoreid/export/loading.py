"""Loading of exported files as networks."""

import os
from collections.abc import Sequence

from videoreid.errors import ConfigError, WeightsError
from videoreid.export.digests import files_digest
from videoreid.export.metadata import ExportMetadata
from videoreid.export.runtimes import open_runtime
from videoreid.export.session import ChannelOrder, ExportedModel, ForeignModel

__all__ = ["load"]


def load(
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    pixel_mean: Sequence[float] | None = None,
    pixel_std: Sequence[float] | None = None,
    channel_order: ChannelOrder = "rgb",
) -> ExportedModel | ForeignModel:
    """Load an exported network, for use as a model in `extract_features`, `FeatureExtractor` and the commands.

    A file that does not come from `export_model` is read as an image network: its input is ``(N, 3, H, W)`` or
    ``(N, H, W, 3)``, its first output the embedding. The keywords are only for such files. OpenVINO files that take
    BGR pixels in 0..255 need ``pixel_mean=(0, 0, 0), pixel_std=(1 / 255,) * 3, channel_order="bgr"``.

    Args:
        path: a file of ONNX (``.onnx``), TorchScript (``.ts``) or OpenVINO (``.xml``).
        size: (height, width) if the file does not fix them.
        pixel_mean: mean of the normalisation, on the 0..1 scale; None takes ImageNet's. Not used if the input is
            uint8.
        pixel_std: likewise.
        channel_order: "rgb" or "bgr", of the input.

    Raises:
        WeightsError: the file is missing, damaged, or not a network of that kind.
        ConfigError: keywords for a file of `export_model`, or no size for a file that does not fix it.
        MissingExtraError: the runtime is not installed.
    """
    runtime = open_runtime(path)
    if runtime.metadata:
        given = size is not None or pixel_mean is not None or pixel_std is not None
        if given or channel_order != "rgb":
            raise ConfigError(f"{path} states its size and normalisation itself: leave these arguments out")
        return ExportedModel(runtime, ExportMetadata.from_json(runtime.metadata, os.fspath(path)))
    session = ForeignModel(runtime, size=size, channel_order=channel_order, files_sha256=files_digest(path))
    if pixel_mean is not None:
        session.pixel_mean = _three("pixel_mean", pixel_mean)
    if pixel_std is not None:
        session.pixel_std = _three("pixel_std", pixel_std)
        if min(session.pixel_std) <= 0:
            raise ConfigError(f"pixel_std must be greater than 0, got {session.pixel_std}")
    if session.embedding_dim < 1:
        raise WeightsError(f"{path} returns vectors of length 0")
    return session


def _three(name: str, values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) != 3:
        raise ConfigError(f"{name} must be three numbers, got {tuple(values)}")
    r, g, b = (float(value) for value in values)
    return r, g, b
