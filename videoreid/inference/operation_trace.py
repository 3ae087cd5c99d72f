"""Trace of a forward pass: uses of the weights and results of convolutions and linear layers."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["OperationTrace"]

_PRODUCTS = ("conv1d", "conv2d", "conv3d", "linear")
# these read a shape, a type or a device, not the values
_READS = ("__get__", "size", "dim", "numel", "stride", "is_floating_point", "is_complex", "is_contiguous")


class OperationTrace(TorchFunctionMode):
    """Record every call of a torch function; use it as a context around the forward pass.

    Calls are identified by their tensors, not by the modules that make them, so a network may call its layers in any
    way. Anything but a plain call of a convolution, a linear layer or a batch norm counts as another use.

    Args:
        network: its parameters are traced.

    Attributes:
        products: for each call of a convolution or linear layer, the id of its weight and its result.
        weight_uses: for each parameter, by id, the number of functions that got it.
        result_uses: for each result in ``products``, by id, the number of functions that got it.
        norms: for each call of a batch norm, the id of its running mean and that of its input.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.products: list[tuple[int, Tensor]] = []
        self.weight_uses: Counter[int] = Counter()
        self.result_uses: Counter[int] = Counter()
        self.norms: list[tuple[int, int]] = []
        self._parameters = {id(parameter) for parameter in network.parameters()}
        self._results: set[int] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call the function and record its inputs and its result."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name not in _READS:
            for tensor in _tensors((args, kwargs)):
                if id(tensor) in self._parameters:
                    self.weight_uses[id(tensor)] += 1
                elif id(tensor) in self._results:
                    self.result_uses[id(tensor)] += 1
        if name == "batch_norm" and len(args) > 1:
            self.norms.append((id(args[1]), id(args[0])))
        result = func(*args, **kwargs)
        if name in _PRODUCTS and len(args) > 1:
            self.products.append((id(args[1]), result))  # held, so that no other tensor gets its id
            self._results.add(id(result))
        return result


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
