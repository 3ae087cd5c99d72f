"""Find convolutions that a processor computes wrongly in bfloat16, and run them in float32.

oneDNN 3.12 on processors with AMX returns wrong weight gradients for many 3-D convolutions (relative error 0.1 to
infinity, where rounding gives 0.003), and wrong results of 3 x 3 convolutions of stride 2 over maps of width 2. Nothing
reports it. So every convolution is compared with float32 before it is used. With two threads the weight gradient of a
1 x 1 x 1 convolution of stride 2 never ends. So 3-D convolutions train in float32 without a comparison.
"""

import copy
import functools
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from videoreid.models.running import run_model
from videoreid.utils import get_logger
from videoreid.utils.printing import count_of
from videoreid.utils.wrappers import unwrap_model

__all__ = [
    "ConvolutionCheck",
    "in_float32",
    "keep_in_float32",
    "runs_bfloat16",
    "set_float32",
    "wrong_convolutions",
]

LARGEST_ERROR = 0.02
"""Relative error of a result or a gradient; rounding to bfloat16 gives 0.003."""
_ROWS = 4
_CONVOLUTIONS: dict[type[nn.Module], Any] = {
    nn.Conv1d: torch.conv1d,
    nn.Conv2d: torch.conv2d,
    nn.Conv3d: torch.conv3d,
}
_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
_known_errors: dict[
    Hashable, float
] = {}  # of this process; trials of one network repeat the same convolutions


def wrong_convolutions(
    model: nn.Module,
    frames: Tensor,
    camids: Tensor | None = None,
    *,
    training: bool = True,
    log: bool = True,
    measure_3d: bool = False,
) -> dict[str, float]:
    """Return the convolutions whose bfloat16 result or gradients are wrong on the device of the model.

    A copy of the network runs once to find the inputs of its convolutions. Each different convolution then runs on
    random numbers, in float32 and in bfloat16. The network and the global random state do not change.

    Args:
        model: the network; it may be wrapped.
        frames: clips ``(B, T, 3, H, W)``, of which two are used.
        camids: ``(B,)`` for a network that uses cameras.
        training: the network runs in train mode, and gradients are compared too.
        log: warn of what is wrong.
        measure_3d: compare gradients of 3-D convolutions too, which may never end with several threads.

    Returns:
        Name of the convolution to its largest relative error, which may be NaN or infinite; NaN for a 3-D convolution
        in training that is not compared.
    """
    network, wrong = unwrap_model(model), dict[str, float]()
    if training and not measure_3d:
        wrong = {name: math.nan for name, part in network.named_modules() if isinstance(part, nn.Conv3d)}
    for name, convolution, example in _inputs(network, frames, camids, training=training):
        if name in wrong:
            continue
        what = (
            _CONVOLUTIONS[type(convolution)], tuple(convolution.weight.shape), convolution.weight.stride(), example,
            convolution.stride, convolution.padding, convolution.dilation, convolution.groups, training,
            torch.get_num_threads(),
        )  # fmt: skip
        if what not in _known_errors:
            _known_errors[what] = _largest_error(convolution, example.random(), gradients=training)
        if not _known_errors[what] < LARGEST_ERROR:
            wrong[name] = _known_errors[what]
    if wrong and log:
        _warn(network, wrong)
    return wrong


def _warn(network: nn.Module, wrong: Iterable[str]) -> None:
    three = [name for name in wrong if isinstance(network.get_submodule(name), nn.Conv3d)]
    others = [name for name in wrong if name not in three]
    if others:
        get_logger("inference").warning(
            "%s in float32, because this processor gets them wrong in bfloat16: %s",
            count_of(len(others), "convolution runs", "convolutions run"),
            ", ".join(others),
        )
    if three:
        get_logger("inference").warning(
            "%s in float32, because processors get them wrong in bfloat16, or never end",
            count_of(len(three), "3-D convolution runs", "3-D convolutions run"),
        )


class ConvolutionCheck:
    """The convolutions of one network that must run in float32, sought once for each shape of a clip."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], list[nn.Module]] = {}

    def __call__(
        self, model: nn.Module, frames: Tensor, camids: Tensor | None, *, precision: str
    ) -> list[nn.Module]:
        """Return the modules; none if the network does not compute in bfloat16 on a CPU.

        Args:
            model: the network, always the same; it may be wrapped.
            frames: clips ``(B, T, 3, H, W)``.
            camids: ``(B,)`` for a network that uses cameras.
            precision: of autocast.
        """
        if not runs_bfloat16(model, precision):
            return []
        shape = tuple(frames.shape[1:])
        if shape not in self._known:
            wrong = wrong_convolutions(model, frames, camids)
            self._known[shape] = [unwrap_model(model).get_submodule(name) for name in wrong]
        return self._known[shape]


@contextmanager
def in_float32(layers: Iterable[nn.Module]) -> Iterator[None]:
    """Run convolutions in float32 inside ``torch.autocast``; no other thread may use them meanwhile."""
    changed = list(layers)
    for layer in changed:
        _set_float32(layer)
    try:
        yield
    finally:
        for layer in changed:
            del layer.forward


def runs_bfloat16(model: nn.Module, precision: str) -> bool:
    """Return whether a network computes in bfloat16 on a CPU: by autocast, or because its weights are bfloat16."""
    parameters = list(model.parameters())
    if any(parameter.device.type != "cpu" for parameter in parameters):
        return False
    return precision == "bfloat16" or any(parameter.dtype == torch.bfloat16 for parameter in parameters)


def keep_in_float32(
    model: nn.Module,
    frames: Tensor,
    camids: Tensor | None = None,
    *,
    precision: str = "bfloat16",
    log: bool = True,
) -> None:
    """Let the convolutions that this processor gets wrong in bfloat16 run in float32, if they would run in bfloat16.

    Args:
        model: a copy of its own in eval mode (`videoreid.inference.eval_copy.eval_copy`), which is changed.
        frames: clips ``(B, T, 3, H, W)`` of the size to come.
        camids: ``(B,)`` for a network that uses cameras.
        precision: of autocast.
        log: warn of what is wrong.
    """
    if runs_bfloat16(model, precision):
        set_float32(model, wrong_convolutions(model, frames, camids, training=False, log=log))


def set_float32(model: nn.Module, names: Iterable[str]) -> None:
    """Let convolutions run in float32 inside ``torch.autocast``, for good; results have the type of the weights.

    Args:
        model: a copy of its own, which is changed; it may be wrapped.
        names: of the convolutions.
    """
    network = unwrap_model(model)
    for name in names:
        _set_float32(network.get_submodule(name))


def _set_float32(layer: Any) -> None:
    layer.forward = functools.partial(_forward_in_float32, layer)


def _forward_in_float32(layer: Any, values: Tensor) -> Any:
    with torch.autocast(values.device.type, enabled=False):
        bias = None if layer.bias is None else layer.bias.float()
        result = layer._conv_forward(values.float(), layer.weight.float(), bias)
        return result.to(layer.weight.dtype)


class _Example(NamedTuple):
    """Shape and layout of the input of a convolution; tensors of all of them would take the memory of a step."""

    shape: tuple[int, ...]
    layout: torch.memory_format

    @classmethod
    def of(cls, values: Tensor) -> "_Example":
        last = _LAYOUTS.get(values.ndim, torch.contiguous_format)
        other = not values.is_contiguous() and values.is_contiguous(memory_format=last)
        return cls((min(len(values), _ROWS), *values.shape[1:]), last if other else torch.contiguous_format)

    def random(self) -> Tensor:
        values = torch.randn(self.shape, generator=torch.Generator().manual_seed(0))
        return values.contiguous(memory_format=self.layout)


def _inputs(
    network: nn.Module, frames: Tensor, camids: Tensor | None, *, training: bool
) -> list[tuple[str, nn.Conv1d | nn.Conv2d | nn.Conv3d, _Example]]:
    """Return name, convolution and an example of its input."""
    if not any(type(module) in _CONVOLUTIONS for module in network.modules()):
        return []
    copied = copy.deepcopy(network).train(training)
    seen: list[tuple[str, Any, _Example]] = []
    for name, module in copied.named_modules():
        if type(module) in _CONVOLUTIONS and module.padding_mode == "zeros":

            def watch(convolution: Any, inputs: tuple[Tensor, ...], name: str = name) -> None:
                seen.append((name, convolution, _Example.of(inputs[0])))

            module.register_forward_pre_hook(watch)
    two = torch.arange(2).remainder(len(frames))  # batch norm needs two clips
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        run_model(copied, frames[two], None if camids is None else camids[two])
    return seen


def _largest_error(
    convolution: nn.Conv1d | nn.Conv2d | nn.Conv3d, example: Tensor, *, gradients: bool
) -> float:
    weight = torch.empty_like(convolution.weight, dtype=torch.float32)  # of the same layout
    weight.normal_(generator=torch.Generator().manual_seed(1)).mul_(weight[0].numel() ** -0.5)
    how = (convolution.stride, convolution.padding, convolution.dilation, convolution.groups)
    run = _CONVOLUTIONS[type(convolution)]
    exact, other = (
        _results(lambda x, w: run(x, w, None, *how), (example, weight), dtype, gradients=gradients)
        for dtype in (torch.float32, torch.bfloat16)
    )
    errors = [float((b - a).norm() / a.norm().clamp_min(1e-12)) for a, b in zip(exact, other, strict=True)]
    return max(errors) if all(map(math.isfinite, errors)) else math.nan


def _results(
    run: Callable[[Tensor, Tensor], Tensor],
    inputs: Sequence[Tensor],
    dtype: torch.dtype,
    *,
    gradients: bool,
) -> list[Tensor]:
    """Return the result and, for a random gradient of the result, the gradients of input and weight."""
    with torch.inference_mode(mode=False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
        own = [tensor.detach().clone().to(dtype).requires_grad_(gradients) for tensor in inputs]
        results = [run(*own)]
        if gradients:
            upstream = torch.randn(results[0].shape, generator=torch.Generator().manual_seed(2)).to(dtype)
            results += torch.autograd.grad(results[0], own, upstream)
    return [tensor.detach().float() for tensor in results]
