"""Faster eval copies: batch norms folded into the layers before them, weights stored in the type of autocast."""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from videoreid.inference.operation_trace import OperationTrace
from videoreid.models.running import run_model
from videoreid.utils.wrappers import unwrap_model

__all__ = ["cast_products", "fold_batch_norms"]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def fold_batch_norms(model: nn.Module, frames: Tensor, camids: Tensor | None = None) -> int:
    """Fold batch norms into the convolutions and linear layers that alone feed them, in place.

    In eval mode a batch norm is a scale and a shift per channel, which the layer before it can apply at no cost. Pairs
    of layers are found in one forward pass, so it does not matter how the network calls them. A layer whose result is
    used twice, a norm with several inputs, and modules with hooks are not changed.

    Args:
        model: an eval copy (`videoreid.inference.eval_copy`): its modules are changed, the parameters that it shares
            are not.
        frames: an example ``(B, T, 3, H, W)`` on the model's device; one clip is enough.
        camids: ``(B,)`` for a network that uses cameras.

    Returns:
        The number of batch norms that were folded.
    """
    network = unwrap_model(model)
    if isinstance(network, torch.jit.ScriptModule) or not any(type(m) in _NORMS for m in network.modules()):
        return 0
    trace = _traced(network, frames, camids)
    folded: dict[nn.Module, nn.Module] = {}
    for layer, norm in _pairs(network, trace):
        _fold(layer, norm)
        folded[norm] = nn.Identity()
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if child in folded:
                setattr(module, name, folded[child])
    return len(folded)


def cast_products(
    model: nn.Module, frames: Tensor, camids: Tensor | None = None, *, dtype: torch.dtype
) -> int:
    """Store the weights of convolutions and linear layers in the type of autocast, in place.

    Autocast would cast them for every batch. Weights with other uses are not changed.

    Args:
        model: an eval copy, see `fold_batch_norms`.
        frames: likewise.
        camids: likewise.
        dtype: of autocast.

    Returns:
        The number of layers.
    """
    network = unwrap_model(model)
    layers = (*_CONVOLUTIONS, nn.Linear)
    if isinstance(network, torch.jit.ScriptModule) or not any(type(m) in layers for m in network.modules()):
        return 0
    trace = _traced(network, frames, camids)
    calls: dict[int, int] = defaultdict(int)
    for weight, _ in trace.products:
        calls[weight] += 1
    changed = 0
    for module in network.modules():
        if type(module) not in layers or _has_hooks(module):
            continue
        layer: Any = module
        weight, bias = layer.weight, layer.bias
        count = calls[id(weight)]
        other = bias is not None and trace.weight_uses[id(bias)] != count
        if count and trace.weight_uses[id(weight)] == count and not other:
            layer.weight = nn.Parameter(weight.detach().to(dtype), requires_grad=False)
            if bias is not None:
                layer.bias = nn.Parameter(bias.detach().to(dtype), requires_grad=False)
            changed += 1
    return changed


def _traced(network: nn.Module, frames: Tensor, camids: Tensor | None) -> OperationTrace:
    trace = OperationTrace(network)
    with torch.inference_mode(), trace:
        run_model(network, frames, camids)
    return trace


def _pairs(network: nn.Module, trace: OperationTrace) -> list[tuple[nn.Module, nn.Module]]:
    """Return each layer with the norm that is the only user of its results."""
    layers: dict[int, Any] = {}
    norms: dict[int, Any] = {}
    for module in network.modules():
        if type(module) in (*_CONVOLUTIONS, nn.Linear):
            layers[id(module.weight)] = module
        elif type(module) in _NORMS and isinstance(module.running_mean, Tensor) and not module.training:
            norms[id(module.running_mean)] = module
    results: dict[int, list[Tensor]] = defaultdict(list)
    for weight, result in trace.products:
        results[weight].append(result)
    inputs: dict[int, set[int]] = defaultdict(set)
    for mean, given in trace.norms:
        inputs[mean].add(given)
    pairs = []
    for weight, made in results.items():
        layer = layers.get(weight)
        fed = [mean for mean, given in inputs.items() if given == {id(result) for result in made}]
        if layer is None or len(fed) != 1 or fed[0] not in norms:
            continue
        alone = all(trace.result_uses[id(result)] == 1 for result in made)
        plain = trace.weight_uses[weight] == len(made) and all(r.ndim == layer.weight.ndim for r in made)
        floating = layer.weight.dtype in (torch.float32, torch.float64)
        if alone and plain and floating and not _has_hooks(layer) and not _has_hooks(norms[fed[0]]):
            pairs.append((layer, norms[fed[0]]))
    return pairs


def _has_hooks(module: nn.Module) -> bool:
    changed = "forward" in vars(module)  # a method of its own, such as that of `kernel_check`
    return bool(changed or module._forward_hooks or module._forward_pre_hooks)


def _fold(layer: Any, norm: Any) -> None:
    """Replace the parameters of a layer; computed in float64, because a small variance gives a large factor."""
    dtype = layer.weight.dtype
    fuse = fuse_linear_bn_weights if isinstance(layer, nn.Linear) else fuse_conv_bn_weights
    mean, variance = norm.running_mean.double(), norm.running_var.double()
    scale = torch.ones_like(mean) if norm.weight is None else norm.weight.detach().double()
    shift = torch.zeros_like(mean) if norm.bias is None else norm.bias.detach().double()
    bias = None if layer.bias is None else layer.bias.detach().double()
    with torch.no_grad():
        weight, bias = fuse(layer.weight.detach().double(), bias, mean, variance, norm.eps, scale, shift)
    layer.weight = nn.Parameter(weight.detach().to(dtype), requires_grad=False)
    layer.bias = nn.Parameter(bias.detach().to(dtype), requires_grad=False)
