"""Attention weights: roll-out over the patches of transformers, and the weights of frames in temporal heads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.models.layers.attention_block import AttentionBlock
from videoreid.models.temporal import AttentionPool, SelfAttentionPool
from videoreid.visual.activation.layers import grid_of
from videoreid.visual.activation.layouts import Shape, token_grid

__all__ = ["PatchRollout", "attention_weights", "is_attention", "watch_frame_weights"]


def is_attention(module: nn.Module) -> bool:
    """Return whether `attention_weights` can read a layer."""
    if isinstance(module, nn.MultiheadAttention):
        return module.in_proj_weight is not None
    packed = isinstance(getattr(module, "in_proj_weight", None), Tensor)
    return _heads(module) > 0 and (packed or isinstance(getattr(module, "qkv", None), nn.Linear))


def attention_weights(module: Any, tokens: Tensor) -> Tensor:
    """Return the weights ``(B, N, N)`` of self-attention, the mean over its heads; rows sum to one.

    They are computed again from the tokens, because fused attention does not return them.

    Args:
        module: a layer for which `is_attention` is true.
        tokens: ``(B, N, D)``, the input of the layer.
    """
    if isinstance(module, AttentionBlock):
        tokens = module.norm1(tokens)
    if isinstance(module, nn.MultiheadAttention) and not module.batch_first:
        tokens = tokens.transpose(0, 1)
    if isinstance(getattr(module, "qkv", None), nn.Linear):
        projected = module.qkv(tokens)
    else:
        projected = F.linear(tokens, module.in_proj_weight, module.in_proj_bias)
    query, key, _ = projected.unflatten(2, (3, _heads(module), -1)).permute(2, 0, 3, 1, 4)
    for name in ("q_norm", "k_norm"):  # timm's
        norm = getattr(module, name, None)
        if isinstance(norm, nn.Module):
            query, key = (norm(query), key) if name == "q_norm" else (query, norm(key))
    scale = getattr(module, "scale", None)
    scale = scale if isinstance(scale, float) else query.shape[-1] ** -0.5
    return (query @ key.transpose(-2, -1) * scale).softmax(-1).mean(1)


def _heads(module: nn.Module) -> int:
    heads = getattr(module, "heads", getattr(module, "num_heads", 0))
    return heads if isinstance(heads, int) else 0


class PatchRollout:
    """Multiplies the attention matrices of the layers that see all patches of a frame.

    Each layer counts as half attention and half identity, for its residual connection. The row of the class token is
    the share of each patch that has reached it; in a network without a class token the rows are averaged.

    Reference:
        Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020, https://arxiv.org/abs/2005.00928
    """

    def __init__(self, network: nn.Module, shape: Shape) -> None:
        self.shape = shape
        self.layers = {module: name for name, module in network.named_modules() if is_attention(module)}
        self.grids = {module: grid_of(network, name) for module, name in self.layers.items()}
        self.product: Tensor | None = None
        self.grid: tuple[int, int] | None = None

    def see(self, module: nn.Module, tokens: Tensor) -> None:
        """Add one layer with the input ``tokens (B * T, N, D)``."""
        clips, frames, height, width = self.shape
        if tokens.ndim != 3 or tokens.shape[0] != clips * frames or self.grids[module] is None:
            return
        grid = token_grid(tokens.shape[1], (height, width), self.grids[module])
        if grid is None or (self.product is not None and self.product.shape[1] != tokens.shape[1]):
            return
        step = _with_branch(attention_weights(module, tokens))
        self.product = step if self.product is None else step @ self.product
        self.grid = grid

    def values(self) -> Tensor | None:
        """Return ``(B, T, rows, columns)``; None if no layer saw the patches of a frame."""
        if self.product is None or self.grid is None:
            return None
        extra = self.product.shape[1] - self.grid[0] * self.grid[1]
        row = self.product[:, 0] if extra else self.product.mean(1)
        return row[:, extra:].unflatten(1, self.grid).unflatten(0, self.shape[:2])


def _with_branch(weights: Tensor) -> Tensor:
    return (weights + torch.eye(weights.shape[1], dtype=weights.dtype, device=weights.device)) / 2


@contextmanager
def watch_frame_weights(network: nn.Module, rollout: PatchRollout | None = None) -> Iterator[list[Tensor]]:
    """Collect the frame weights ``(B, T)`` of a temporal head, and feed a roll-out, while the network runs.

    `AttentionPool` computes such weights. For `SelfAttentionPool` the weight of a frame is the attention that it
    receives by roll-out, averaged over all frames. Other heads have no frame weights.
    """
    collected: list[Tensor] = []
    handles = []
    for head in network.modules():
        if isinstance(head, AttentionPool):
            handles.append(head.time_conv.register_forward_hook(_pool_watch(head, collected)))
        elif isinstance(head, SelfAttentionPool):
            watch = _received_watch(len(head.layers), collected)
            handles += [layer.register_forward_pre_hook(watch) for layer in head.layers]
    for module in rollout.layers if rollout else ():
        assert rollout is not None
        handles.append(module.register_forward_pre_hook(_rollout_watch(rollout), with_kwargs=True))
    try:
        yield collected
    finally:
        for handle in handles:
            handle.remove()


def _pool_watch(head: AttentionPool, collected: list[Tensor]) -> Callable[..., None]:
    def watch(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        collected.append(head.weights(torch.relu(output.detach()).squeeze(1)))

    return watch


def _received_watch(layers: int, collected: list[Tensor]) -> Callable[..., None]:
    steps: list[Tensor] = []

    def watch(layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        with torch.no_grad():
            step = _with_branch(attention_weights(layer, inputs[0]))
            steps.append(step @ steps[-1] if steps else step)
            if len(steps) == layers:
                collected.append(steps[-1].mean(1))
                steps.clear()

    return watch


def _rollout_watch(rollout: PatchRollout) -> Callable[..., None]:
    def watch(module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        tokens = inputs[0] if inputs else keywords.get("query")
        if isinstance(tokens, Tensor):
            with torch.no_grad():
                rollout.see(module, tokens)

    return watch
