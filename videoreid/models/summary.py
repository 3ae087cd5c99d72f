"""A table of the layers of a network: output shapes, parameters and floating-point operations for one clip."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from videoreid.errors import ConfigError
from videoreid.models.base import ReIDModel
from videoreid.utils.printing import html_table

__all__ = ["LayerRow", "ModelSummary", "summarise"]


@dataclass(frozen=True)
class LayerRow:
    """One layer of a network.

    Args:
        name: dotted name in the network.
        kind: name of its class.
        shape: shape of its output for the clip; of the first output if it runs more than once; "-" if it is not
            called in eval mode.
        calls: number of calls for the clip.
        parameters: number of its parameters, layers inside it included; a shared parameter counts in the first layer
            that has it.
        flops: floating-point operations of all calls, two per multiply-add.
    """

    name: str
    kind: str
    shape: str
    calls: int
    parameters: int
    flops: int

    @property
    def depth(self) -> int:
        """1 for the children of the network."""
        return self.name.count(".") + 1


@dataclass(frozen=True)
class ModelSummary:
    """The layers of a network; `str` gives the table.

    Args:
        name: name of the network.
        clip: (frames, height, width) of the clip.
        rows: layers in the order of definition.
        parameters: number of parameters of the whole network, classifiers included.
        flops: floating-point operations of the whole network for the clip.
        loose: number of parameters that belong to no layer (tokens, positions).
    """

    name: str
    clip: tuple[int, int, int]
    rows: tuple[LayerRow, ...]
    parameters: int
    flops: int
    loose: int

    def __str__(self) -> str:
        table = [_HEAD, *self._cells()]
        widths = [max(len(row[column]) for row in table) for column in range(len(_HEAD))]
        lines = []
        for row in table:
            left = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
            right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
            lines.append("  ".join([*left, *right]).rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        layers = f"{len(self.rows)} layers, {self.parameters:,} parameters, {self.flops:,} operations"
        return f"ModelSummary({self.name}: {layers}; print it for the table)"

    def _repr_html_(self) -> str:
        frames, height, width = self.clip
        return html_table(f"{self.name}, a clip of {frames} x {height} x {width}", self._cells(), head=_HEAD)

    def _cells(self) -> list[tuple[str, ...]]:
        rows = [
            (
                "  " * (row.depth - 1)
                + row.name.rpartition(".")[2]
                + (f" (x{row.calls})" if row.calls > 1 else ""),
                row.kind,
                row.shape,
                f"{row.parameters:,}",
                f"{row.flops / 1e6:,.1f}",
            )
            for row in self.rows
        ]
        loose = [("in no layer", "", "-", f"{self.loose:,}", "")] if self.loose else []
        return [*rows, *loose, ("whole", "", "", f"{self.parameters:,}", f"{self.flops / 1e6:,.1f}")]


_HEAD = ("layer", "kind", "output", "parameters", "MFLOP")


def summarise(
    model: ReIDModel,
    *,
    frames: int | None = None,
    input_size: tuple[int, int] | None = None,
    depth: int = 1,
) -> ModelSummary:
    """Return output shapes, parameters and floating-point operations of a network's layers for one clip.

    A copy of the network runs in eval mode on PyTorch's meta device, without computing any values. The totals equal
    `count_parameters` and `flops_per_clip`.

    Args:
        model: any network; it is not changed.
        frames: clip length T; by default the length that the network requires, else 4.
        input_size: (height, width) in pixels; by default that of the network.
        depth: number of levels of nested layers to list.

    Raises:
        ConfigError: a depth below 1.
    """
    if depth < 1:
        raise ConfigError(f"depth must be 1 or more, got {depth}")
    height, width = input_size or model.input_size
    length = frames or model.frames or 4
    shadow = copy.deepcopy(model).to("meta").eval()
    layers = {name: module for name, module in shadow.named_modules() if name and name.count(".") < depth}
    shapes: dict[str, list[str]] = {name: [] for name in layers}
    handles = [module.register_forward_hook(_shape_taker(shapes[name])) for name, module in layers.items()]
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            shadow(torch.empty(1, length, 3, height, width, device="meta"))
    finally:
        for handle in handles:
            handle.remove()
    root = type(shadow).__name__
    counts = counter.get_flop_counts()
    shares, loose = _parameters_of(shadow, list(layers))
    rows = tuple(
        LayerRow(
            name,
            type(module).__name__,
            shapes[name][0] if shapes[name] else "-",
            len(shapes[name]),
            shares[name],
            int(sum(counts.get(f"{root}.{name}", {}).values())),
        )
        for name, module in layers.items()
    )
    name = str(model.build_arguments.get("name", root))
    total = sum(parameter.numel() for parameter in model.parameters())
    return ModelSummary(name, (length, height, width), rows, total, int(counter.get_total_flops()), loose)


def _shape_taker(shapes: list[str]) -> Any:
    def take(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        shapes.append(_shape_of(output))

    return take


def _shape_of(output: Any) -> str:
    if isinstance(output, Tensor):
        return " x ".join(map(str, output.shape))
    if isinstance(output, tuple | list):
        return ", ".join(_shape_of(part) for part in output if isinstance(part, Tensor | tuple | list)) or "-"
    return "-"


def _parameters_of(network: nn.Module, names: list[str]) -> tuple[dict[str, int], int]:
    """Return the number of parameters of each layer, and of those outside all layers."""
    shares, loose = dict.fromkeys(names, 0), 0
    for name, parameter in network.named_parameters():  # a shared one comes once, under its first name
        owners = [
            owner
            for owner in (name.rsplit(".", cut)[0] for cut in range(1, name.count(".") + 1))
            if owner in shares
        ]
        for owner in owners:
            shares[owner] += parameter.numel()
        loose += 0 if owners else parameter.numel()
    return shares, loose
