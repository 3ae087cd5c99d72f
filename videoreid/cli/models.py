"""``videoreid models``: list the networks with their cost and published weights, or show one."""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from videoreid.cli._building import add_size_argument

if TYPE_CHECKING:
    from videoreid.models import ReIDModel
    from videoreid.models.weights import PublishedWeights

__all__ = ["HELP", "add_arguments", "run"]

HELP = "list the networks, or show one of them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the two sub-commands."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="list|show")
    listing = commands.add_parser("list", help="print one line per network")
    listing.add_argument("pattern", nargs="?", default="*", help="shell pattern of names, such as osnet*")
    showing = commands.add_parser(
        "show", help="print parameters, cost, weights, scores and layers of one network"
    )
    showing.add_argument("name", help="name of the network (timm:NAME works too)")
    showing.add_argument("--depth", type=int, default=1, help="number of levels of nested layers (default 1)")
    for command in (listing, showing):
        command.add_argument(
            "--frames", type=int, help="clip length for the cost (default: that of the network, or 4)"
        )
        add_size_argument(command, "frame size for the cost (default: that of the network)")


def run(args: argparse.Namespace) -> int:
    """Print the list, or one network; return 0."""
    for line in _list(args) if args.what == "list" else _show(args):
        print(line, flush=True)
    return 0


def _list(args: argparse.Namespace) -> Iterable[str]:
    from videoreid.errors import UnknownNameError
    from videoreid.models import count_parameters, list_models, list_weights

    names = list_models(args.pattern)
    if not names:
        raise UnknownNameError(f"no network matches {args.pattern!r}; known: {', '.join(list_models())}")
    yield f"{'network':<22}{'params':>9}{'GFLOP/clip':>12}{'clip':>18}{'width':>7}  published weights"
    for name in names:
        model = _shadow(name)
        frames, height, width = _clip(model, args)
        tags = ", ".join(row.tag for row in list_weights(name)) or "-"
        yield (
            f"{name:<22}{count_parameters(model) / 1e6:>8.2f}M{_gflops(model, args):>12.2f}"
            f"{f'{frames} x {height} x {width}':>18}{model.embedding_dim:>7}  {tags}"
        )
    yield ""
    yield "params without identities; two floating-point operations per multiply-add; timm:NAME builds any timm network"


def _show(args: argparse.Namespace) -> Iterable[str]:
    from videoreid.models import count_parameters, list_results, list_weights, summarise

    model = _shadow(args.name)
    frames, height, width = _clip(model, args)
    layers = summarise(model, frames=frames, input_size=(height, width), depth=args.depth)
    yield f"{args.name}: {(type(model).__doc__ or '').strip().splitlines()[0]}"
    yield f"  parameters      {count_parameters(model):,} (with one identity)"
    yield f"  arithmetic      {layers.flops / 1e9:.2f} GFLOP per clip of {frames} x {height} x {width}"
    yield f"  embedding       {model.embedding_dim}"
    yield f"  input size      {model.input_size[0]} x {model.input_size[1]}"
    yield f"  clip length     {model.frames or 'any'}"
    yield f"  normalisation   mean {model.pixel_mean}, std {model.pixel_std}"
    yield f"  stages          {', '.join(model.stages)}"
    rows = list_weights(args.name)
    yield f"  weights         {'none published' if not rows else ''}".rstrip()
    for row in rows:
        yield from _row(row)
    for result in list_results(args.name):
        yield (
            f"  reported on {result.dataset}: Rank-1 {result.rank1} %, mAP {result.mAP} % ({result.protocol}, "
            f"{result.distance}; {result.remark})\n      source: {result.source}"
        )
    yield ""
    yield str(layers)


def _row(row: "PublishedWeights") -> Iterable[str]:
    size = f", {row.input_size[0]} x {row.input_size[1]}" if row.input_size else ""
    yield f"    pretrained={row.tag!r}: trained on {row.training_data}{size}"
    for result in row.results:
        yield (
            f"      reported on {result.dataset}: Rank-1 {result.rank1} %, mAP {result.mAP} % "
            f"({result.protocol}, {result.distance})"
        )
    yield f"      licence: {row.licence}"
    yield f"      source: {row.source}, {row.page}"


def _shadow(name: str) -> "ReIDModel":
    """Build a network without allocating memory: only its shapes are needed."""
    import torch

    from videoreid.models import build_model

    with torch.device("meta"):
        return build_model(name)


def _clip(model: "ReIDModel", args: argparse.Namespace) -> tuple[int, int, int]:
    height, width = args.size or model.input_size
    return args.frames or model.frames or 4, height, width


def _gflops(model: "ReIDModel", args: argparse.Namespace) -> float:
    from videoreid.models import flops_per_clip

    frames, height, width = _clip(model, args)
    return flops_per_clip(model, frames=frames, input_size=(height, width)) / 1e9
