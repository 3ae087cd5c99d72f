"""Copies of networks in eval mode that share the weights and leave the networks unchanged."""

import copy
from typing import Any

import torch
from torch import nn

from videoreid.utils.wrappers import unwrap_model

__all__ = ["eval_copy"]


def eval_copy(model: nn.Module, device: torch.device | str | None = None) -> nn.Module:
    """Return a copy of a network in eval mode; its parameters are the network's own, its buffers are copies.

    All threads share the mode of a network: a thread that restores train mode would change it for another thread in
    the middle of an extraction. A copy of the modules takes a few hundredths of a second and little memory, and needs
    no lock. Modes, statistics and device of the network do not change, even if the extraction fails or another thread
    trains.

    Compilation and `DataParallel` are kept; wrappers that only serve training (distributed, averaging) are left out.

    Args:
        model: the network, or a wrapper around it.
        device: device of the copy; None shares the weights on their device.
    """
    network = unwrap_model(model)
    originals = [
        *network.parameters(),
        *network.buffers(),
    ]  # held here, so that no new object gets one of their ids
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
    """Copy a traced or scripted network with its weights, and the attributes about its input that were added later."""
    copied = copy.deepcopy(network)
    for name in ("pixel_mean", "pixel_std", "uses_cameras"):
        if hasattr(network, name) and not hasattr(copied, name):
            setattr(copied, name, getattr(network, name))
    return copied


def _hooks_of_others(network: nn.Module) -> list[Any]:
    """Return the hooks that are not methods of the network's modules, such as a recorder's; the copy must call them."""
    hooks = [
        hook
        for module in network.modules()
        for registered in (module._forward_pre_hooks, module._forward_hooks)
        for hook in registered.values()
    ]
    return [hook for hook in hooks if not isinstance(getattr(hook, "__self__", None), nn.Module)]


def _resolved(device: torch.device | str) -> torch.device:
    """Return the device with its number, as tensors on it report it."""
    return torch.empty(0, device=device).device


def _on_device(parameter: nn.Parameter, device: torch.device | str | None) -> nn.Parameter:
    if device is None or parameter.device == _resolved(device):
        return parameter
    return nn.Parameter(parameter.detach().to(device), requires_grad=False)


def _rewrapped(model: nn.Module, network: nn.Module) -> nn.Module:
    """Return another network inside the wrappers of ``model`` that matter in eval mode, in the same order."""
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
