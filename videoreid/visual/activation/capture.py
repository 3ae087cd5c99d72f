"""One run of a network that keeps the output of a layer, and optionally its gradient."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.models.running import run_model
from videoreid.utils.wrappers import unwrap_model
from videoreid.visual.activation.layers import grid_of, named_layer
from videoreid.visual.activation.layouts import Shape, as_frame_maps, first_tensor

__all__ = ["Run", "run_once"]


@dataclass
class Run:
    """Result of a run.

    Args:
        embedding: ``(B, D)``.
        outputs: outputs of the layer, one per call.
        maps: the outputs as ``(B, T', C, h, w)``.
    """

    embedding: Tensor
    outputs: list[Tensor] = field(default_factory=list)
    maps: list[Tensor] = field(default_factory=list)

    def unit(self) -> Tensor:
        """Return the embedding ``(B, D)`` at length 1, detached."""
        return nn.functional.normalize(self.embedding.detach(), dim=1)

    def score(self, reference: Tensor) -> Tensor:
        """Return the cosine ``(B,)`` with unit vectors ``(B, D)``; the embedding's own length counts as a constant.

        A cosine does not change with the length of an embedding, so its gradient would ignore all that scales it. With
        a constant length, the parts of a linear embedding add up to the cosine.
        """
        length = self.embedding.detach().norm(dim=1).clamp(min=1e-12)
        return (self.embedding * reference).sum(1) / length

    def gradients(self, reference: Tensor, shape: Shape, grid: tuple[int, int] | None) -> list[Tensor]:
        """Return the gradients ``(B, T', C, h, w)`` of `score` for `maps`; zeros for maps without influence."""
        with torch.enable_grad():
            score = self.score(reference).sum()
        found = torch.autograd.grad(score, self.outputs, allow_unused=True)
        whole = [
            torch.zeros_like(out) if g is None else g for g, out in zip(found, self.outputs, strict=True)
        ]
        return [_maps(gradient, shape, grid, "") for gradient in whole]


def run_once(
    model: nn.Module, frames: Tensor, camids: Tensor | None, layer: str = "", *, gradients: bool = False
) -> Run:
    """Run a network in eval mode on clips.

    Args:
        model: a private copy; its parameters get no gradient.
        frames: ``(B, T, 3, H, W)`` on its device.
        camids: ``(B,)``.
        layer: name of the layer whose output is kept; "" for none.
        gradients: keep the graph that `Run.gradients` needs.

    Raises:
        ConfigError: the layer did not run or returns no maps, or the network does not return ``(B, D)``.
    """
    outputs: list[Tensor] = []
    with torch.no_grad(), _plain_rnn(), ExitStack() as hooks:
        network = unwrap_model(model)
        if layer:
            hooks.enter_context(_kept(named_layer(network, layer), outputs, gradients=gradients))
        embedding = run_model(model, frames, camids)
        if not isinstance(embedding, Tensor) or embedding.ndim != 2 or len(embedding) != len(frames):
            found = tuple(embedding.shape) if isinstance(embedding, Tensor) else type(embedding).__name__
            raise ConfigError(
                f"{type(network).__name__} returns {found} in eval mode; expected an embedding (B, D), one row per clip"
            )
        run = Run(embedding, outputs)
        if layer:
            shape = (frames.shape[0], frames.shape[1], frames.shape[3], frames.shape[4])
            if not outputs:
                raise ConfigError(f"layer {layer!r} does not run in eval mode; name another")
            run.maps = [_maps(output, shape, grid_of(network, layer), layer) for output in outputs]
    return run


def _maps(output: Tensor, shape: Shape, grid: tuple[int, int] | None, layer: str) -> Tensor:
    maps = as_frame_maps(output, shape, grid)
    if maps is None:
        raise ConfigError(
            f"layer {layer!r} returns {tuple(output.shape)} for {shape[0]} clips of {shape[1]} frames: no maps; name a "
            "layer with maps of frames, or with the tokens of patches"
        )
    return maps


@contextmanager
def _kept(module: nn.Module, outputs: list[Tensor], *, gradients: bool) -> Iterator[None]:
    """Keep the output of a layer; later layers get a copy, because activations are often changed in place."""

    def keep(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        tensor = first_tensor(output)
        if tensor is None:
            return None
        if gradients and not tensor.requires_grad:
            torch.set_grad_enabled(True)  # from here on operations are recorded for the backward pass
            tensor = tensor.detach().requires_grad_()
        outputs.append(tensor)
        passed = tensor.clone()
        return passed if isinstance(output, Tensor) else _with_first(output, passed)

    handle = module.register_forward_hook(keep)
    try:
        yield
    finally:
        handle.remove()


def _with_first(output: Any, first: Tensor) -> Any:
    rest = [first, *output[1:]]
    return type(output)(*rest) if hasattr(output, "_fields") else type(output)(rest)


@contextmanager
def _plain_rnn() -> Iterator[None]:
    """Turn off cuDNN, because its recurrent layers have no gradient in eval mode."""
    before = torch.backends.cudnn.enabled
    if not before or not torch.cuda.is_available():
        yield
        return
    torch.backends.cudnn.enabled = False
    try:
        yield
    finally:
        torch.backends.cudnn.enabled = before
