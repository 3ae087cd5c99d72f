"""A network in eval mode without touching the network: a copy that shares its weights."""

import copy
from typing import Any

import torch
from torch import nn

from videoreid.utils.wrappers import unwrap_model

__all__ = ["eval_copy"]


def eval_copy(model: nn.Module, device: torch.device | str | None = None) -> nn.Module:
    """Return a copy of a network in eval mode; its parameters are the network's own, its buffers are copies.

    Switching a network to eval mode and back is a change that every thread sees: one that ends puts train mode back
    under another that is in the middle of its clips. A copy of the modules costs some hundredths of a second and no
    memory worth mentioning, needs no lock, and leaves modes, statistics and device of the network alone, also where
    an error ends the extraction and while another thread trains.

    Compilation and `DataParallel` are kept; wrappers that only serve training (distributed, averaging) are left out.

    Args:
        model: the network, or a wrapper around it.
        device: where the copy's weights are put; by default where they are, shared.
    """
    network = unwrap_model(model)
    originals = [
        *network.parameters(),
        *network.buffers(),
    ]  # held here, so that none of their ids is used again
    shared: dict[int, Any] = {
        id(buffer): buffer.detach().to(device, copy=True) for buffer in network.buffers()
    }
    shared |= {id(parameter): _on_device(parameter, device) for parameter in network.parameters()}
    shared |= {id(hook): hook for hook in _hooks_of_others(network)}
    if isinstance(network, torch.jit.ScriptModule):
        copied: nn.Module = _copy_of_program(network)
    else:
        copied = copy.deepcopy(network, shared)
    copied.eval()
    del originals
    if device is not None and any(p.device != _resolved(device) for p in copied.parameters()):
        copied.to(device)
    return _rewrapped(model, copied)


def _copy_of_program(network: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """Copy a traced or scripted network with its weights, and what was written on it afterwards about its input."""
    copied = copy.deepcopy(network)
    for name in ("pixel_mean", "pixel_std", "uses_cameras"):
        if hasattr(network, name) and not hasattr(copied, name):
            setattr(copied, name, getattr(network, name))
    return copied


def _hooks_of_others(network: nn.Module) -> list[Any]:
    """Return the hooks that are no methods of the network's own modules: a recorder's, which must hear of the copy."""
    hooks = [
        hook
        for module in network.modules()
        for registered in (module._forward_pre_hooks, module._forward_hooks)
        for hook in registered.values()
    ]
    return [hook for hook in hooks if not isinstance(getattr(hook, "__self__", None), nn.Module)]


def _resolved(device: torch.device | str) -> torch.device:
    """Return the device with its number, as tensors on it name it."""
    return torch.empty(0, device=device).device


def _on_device(parameter: nn.Parameter, device: torch.device | str | None) -> nn.Parameter:
    if device is None or parameter.device == _resolved(device):
        return parameter
    return nn.Parameter(parameter.detach().to(device), requires_grad=False)


def _rewrapped(model: nn.Module, network: nn.Module) -> nn.Module:
    """Put the wrappers that matter in eval mode around another network, in the same order."""
    inner = getattr(model, "_orig_mod", None)
    if isinstance(inner, nn.Module):
        compiled: nn.Module = type(model)(_rewrapped(inner, network), model.dynamo_ctx)
        return compiled
    inner = getattr(model, "module", None)
    if unwrap_model(model) is model or not isinstance(inner, nn.Module):
        return network
    if isinstance(model, nn.DataParallel) and model.device_ids:
        return nn.DataParallel(_rewrapped(inner, network), model.device_ids, model.output_device, model.dim)
    return _rewrapped(inner, network)
