"""Build a network by name and weights, or load an exported file; shared by several commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.models import ReIDModel

__all__ = ["add_pixel_arguments", "add_size_argument", "build_with_weights", "is_exported", "pixels_of"]

_EXPORTED = (".onnx", ".ts", ".xml")


def add_size_argument(parser: Any, meaning: str = "input size of a frame (default: the network's)") -> None:
    """Declare ``--size HEIGHT WIDTH`` for a parser or an argument group."""
    parser.add_argument("--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help=meaning)


def add_pixel_arguments(parser: Any) -> None:
    """Declare what an image network from another source takes, for a parser or an argument group."""
    for name, meaning in (("mean", "mean"), ("std", "standard deviation")):
        parser.add_argument(
            f"--pixel-{name}",
            type=float,
            nargs=3,
            metavar=("R", "G", "B"),
            help=f"{meaning} of the pixels on the 0..1 scale, only for an ONNX or OpenVINO file from another source "
            "(default: ImageNet's)",
        )
    parser.add_argument(
        "--channel-order", choices=["rgb", "bgr"], help="order of the channels, likewise (default rgb)"
    )


def pixels_of(args: Any) -> dict[str, Any]:
    """Return the options of `add_pixel_arguments` that were given, as `videoreid.export.load` takes them."""
    names = ("pixel_mean", "pixel_std", "channel_order")
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def is_exported(model: str) -> bool:
    """Return whether ``model`` is the file of an exported network, and not the name of a network."""
    return model.endswith(_EXPORTED)


def build_with_weights(model: str, weights: str | None, **pixels: Any) -> "ReIDModel":
    """Build a network and load its weights, or load an exported network.

    The network has the options with which the weights in the file were saved.

    Args:
        model: name of a network, or an exported file.
        weights: checkpoint file, or the name of published weights; None for an exported file.
        **pixels: see `pixels_of`.

    Raises:
        ConfigError: a network has no weights, or an exported file is given with weights; or ``pixels`` are given for
            anything but an image network from another source.
    """
    from videoreid.export import load
    from videoreid.models import build_model
    from videoreid.models.loading import stored_options

    if is_exported(model):
        if weights:
            raise ConfigError(f"{model} already holds its weights: do not give --weights")
        return load(model, **pixels)
    if pixels:
        option = next(iter(pixels)).replace("_", "-")
        raise ConfigError(f"--{option} is for files from other sources; {model} knows its own pixels")
    if not weights:
        raise ConfigError("--weights is missing: give a checkpoint file, or the name of published weights")
    file = Path(weights).expanduser()
    options = stored_options(model, file) if file.is_file() else {}
    return build_model(model, pretrained=file if file.exists() else weights, **options)
