"""Choice of the fastest arithmetic on a device, by measuring: bfloat16 or float32, and the layout of weights."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from videoreid.inference.extraction import PRECISIONS, Precision, embed_frames
from videoreid.inference.folding import cast_products, fold_batch_norms
from videoreid.inference.kernel_check import keep_in_float32
from videoreid.utils import get_logger

__all__ = ["Arithmetic", "AutoPrecision", "choose_arithmetic", "has_native_bfloat16", "prepare_copy"]

AutoPrecision = Literal["auto", "float32", "bfloat16", "float16"]
"""The user's choice; "auto" uses `choose_arithmetic`."""

SMALLEST_COSINE = 0.9995
"""Least cosine of an example's embeddings in bfloat16 and in float32; a tracklet must reach 0.999."""
_GAIN = 1.15  # least speed-up, because another arithmetic changes the last digits
_RUNS = 3
_FOLDING_ERROR = 1e-3  # largest relative error; usual in float32 is 1e-6


@dataclass(frozen=True)
class Arithmetic:
    """How a forward pass is computed.

    Args:
        precision: "float32", "bfloat16" or "float16".
        channels_last: the layout of convolution weights.
        reason: text for the log; features do not depend on it.
    """

    precision: Precision = "float32"
    channels_last: bool = False
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.precision}, {'channels last' if self.channels_last else 'channels first'}"


def has_native_bfloat16(device: torch.device | str) -> bool:
    """Return whether a device multiplies bfloat16 matrices in hardware.

    CUDA devices do from compute capability 8.0 (Ampere) on, and x86 processors with AVX512-BF16 or AMX. On other
    devices PyTorch emulates bfloat16, slower than float32.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # PyTorch 2.10
    if capabilities is not None:
        known = capabilities()
        return bool(known.get("avx512_bf16") or known.get("amx_bf16"))
    return any(
        bool(getattr(torch.cpu, name, bool)())
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )


def prepare_copy(
    make_copy: Callable[[], nn.Module],
    frames: Tensor,
    camids: Tensor | None = None,
    *,
    arithmetic: Arithmetic,
    log: bool = True,
) -> nn.Module:
    """Return an eval copy prepared for an arithmetic: batch norms folded, weights cast and in the chosen layout.

    If folding changes the embeddings of a network, for example because it reads its own layers, it is not folded.

    Args:
        make_copy: returns a new eval copy, see `videoreid.inference.eval_copy.eval_copy`.
        frames: an example, one clip ``(1, T, 3, H, W)``.
        camids: ``(1,)`` for a network that uses cameras.
        arithmetic: how it will be run, by `embed_frames` in the same precision.
        log: warn of batch norms that are not folded, and of convolutions that run in float32.
    """
    copied = make_copy()
    device = _device_of(copied)
    frames = frames.to(device)
    camids = None if camids is None else camids.to(device)
    if any(type(module).__name__.startswith("BatchNorm") for module in copied.modules()):
        with torch.inference_mode():
            expected = embed_frames(copied, frames, camids)
            count = fold_batch_norms(copied, frames, camids)
            error = (embed_frames(copied, frames, camids) - expected).norm() / expected.norm().clamp_min(
                1e-12
            )
        if count and not float(error) < _FOLDING_ERROR and bool(torch.isfinite(expected).all()):
            if log:
                get_logger("inference").warning(
                    "batch norms are not folded: embeddings would change by %.1g", error
                )
            copied = make_copy()
    keep_in_float32(copied, frames, camids, precision=arithmetic.precision, log=log)
    if arithmetic.precision != "float32":
        cast_products(copied, frames, camids, dtype=PRECISIONS[arithmetic.precision])
    if arithmetic.channels_last:
        _lay_out(copied)
    return copied


def _device_of(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _lay_out(model: nn.Module) -> None:
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.ndim == 4:
                laid_out = parameter.detach().contiguous(memory_format=torch.channels_last)
                setattr(module, name, nn.Parameter(laid_out, requires_grad=False))


def choose_arithmetic(
    make_copy: Callable[[], nn.Module],
    frames: Tensor,
    camids: Tensor | None = None,
    *,
    precision: AutoPrecision = "auto",
    clock: Callable[[], float] = time.perf_counter,
) -> Arithmetic:
    """Measure the possible arithmetics on an example, and return the fastest one of sufficient accuracy.

    bfloat16 is measured if the hardware has it (`has_native_bfloat16`), and chosen if every embedding of the example
    has a cosine of at least 0.9995 to float32 and it is faster by more than 15 %.

    Args:
        make_copy: returns a new eval copy of the network.
        frames: the example ``(B, T, 3, H, W)``, uint8; real frames, because the cosine is measured on them.
        camids: ``(B,)``.
        precision: "auto", or a fixed one, for which only the layout is chosen.
        clock: returns seconds; for tests.

    Returns:
        The choice, with the measured rates in its reason.
    """
    first = make_copy()
    parameters, device = list(first.parameters()), _device_of(first)
    if not parameters or any(p.is_floating_point() and p.dtype != torch.float32 for p in parameters):
        fixed: Precision = "float32" if precision == "auto" else precision
        return Arithmetic(fixed, reason="the network is not in float32")
    tried: tuple[Precision, ...] = ("float32",) if precision == "auto" else (precision,)
    if precision == "auto" and has_native_bfloat16(device):
        tried = ("float32", "bfloat16")
    answers: dict[str, list[Tensor]] = {}
    seconds: dict[Arithmetic, float] = {}
    for name in tried:
        for channels_last in (False, True):
            arithmetic = Arithmetic(name, channels_last)
            cameras = None if camids is None else camids[:1]
            runner = prepare_copy(make_copy, frames[:1], cameras, arithmetic=arithmetic, log=False)
            answer, seconds[arithmetic] = _timed(runner, frames, camids, name, clock)
            answers.setdefault(name, []).append(answer)
    return _best(answers, seconds, frames.shape[0] * frames.shape[1])


def _timed(
    runner: nn.Module,
    frames: Tensor,
    camids: Tensor | None,
    precision: Precision,
    clock: Callable[[], float],
) -> tuple[Tensor, float]:
    """Return the answers of all runs, ``(runs * B, D)``, and the seconds of the fastest one."""
    best, answers = float("inf"), []
    with torch.inference_mode():
        for run in range(_RUNS + 1):
            start = clock()
            answers.append(embed_frames(runner, frames, camids, precision=precision).cpu())
            if run:  # the first run also prepares kernels
                best = min(best, clock() - start)
    return torch.cat(answers).double(), best


def _best(answers: dict[str, list[Tensor]], seconds: dict[Arithmetic, float], frames: int) -> Arithmetic:
    """Return the choice; bfloat16 must keep the cosine in every run and layout, because some kernels vary."""
    rates = ", ".join(f"{one}: {frames / max(spent, 1e-9):.1f} frames/s" for one, spent in seconds.items())
    names = list(answers)
    fastest = {
        name: min((one for one in seconds if one.precision == name), key=lambda one: seconds[one])
        for name in names
    }
    chosen, remark = fastest[names[0]], ""
    if len(names) == 2:
        exact = answers[names[0]][0]
        cosines = [nn.functional.cosine_similarity(other, exact) for other in answers[names[1]]]
        cosine = float(torch.cat(cosines).nan_to_num(-1.0).min())
        remark = f"; smallest cosine of bfloat16 {cosine:.6f}"
        other = fastest[names[1]]
        if cosine >= SMALLEST_COSINE and seconds[chosen] > _GAIN * seconds[other]:
            chosen = other
    return Arithmetic(chosen.precision, chosen.channels_last, f"{rates}{remark}")
