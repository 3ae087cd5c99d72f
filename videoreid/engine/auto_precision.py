"""Choose the arithmetic of a training run by timing the network on its first batch."""

import copy
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from videoreid.engine.learner import Learner
from videoreid.engine.run_folder import describe_run, update_record
from videoreid.inference.kernel_check import in_float32, wrong_convolutions
from videoreid.inference.precision import has_native_bfloat16
from videoreid.models.base import ReIDModel
from videoreid.models.running import run_model
from videoreid.types import Clip, ReIDOutput
from videoreid.utils import get_logger
from videoreid.utils.processes import gather_objects, process_rank
from videoreid.utils.wrappers import unwrap_model

__all__ = ["FEWEST_BATCHES", "faster_precision", "settle_precision"]

FEWEST_BATCHES = 500
"""Batches of a run that is worth the timing, which takes about eight of them; shorter runs from random weights can lose
accuracy in bfloat16 (`benchmarks/results/training_convergence_resnet50_300_steps.json`)."""
_GAIN = 1.15  # least speed-up, because bfloat16 changes what is learnt
_RUNS = 3
_CPU_FRAMES = 16  # of a timed pass; a GPU gets the whole batch, because a small one does not fill it

Timed = Literal["float32", "bfloat16"]


def settle_precision(learner: Learner, clip: Clip, batches: int, folder: Path | None = None) -> float:
    """Replace the precision "auto" of a learner by "bfloat16" or "float32", for the rest of the run.

    It is bfloat16 if the hardware has it, the run has at least 500 batches, and forward and backward pass of the
    network are more than 15 % faster in it. With several processes all of them time, and the first one chooses.

    Args:
        learner: `Learner.use_precision` is called, unless its precision is fixed already.
        clip: the first batch of the run.
        batches: of the whole run.
        folder: of the run, whose record gets the choice.

    Returns:
        The seconds that it took.
    """
    if learner.settings.precision != "auto":
        return 0.0
    start = time.perf_counter()
    chosen, reason = gather_objects(_choose(learner, clip, batches))[0]
    learner.use_precision(chosen)
    get_logger("engine").info("precision: %s (%s)", chosen, reason)
    if folder is not None and process_rank() == 0:
        update_record(folder, describe_run(learner))
    return time.perf_counter() - start


def _choose(learner: Learner, clip: Clip, batches: int) -> tuple[Timed, str]:
    """Return the choice and its reason; what rules bfloat16 out costs no time."""
    network = unwrap_model(learner.model)
    if not has_native_bfloat16(learner.device):
        return "float32", f"{learner.device} has no native bfloat16"
    if any(one.is_floating_point() and one.dtype != torch.float32 for one in network.parameters()):
        return "float32", "the network is not in float32"
    if batches < FEWEST_BATCHES:
        return "float32", f"fewer than {FEWEST_BATCHES} batches"
    if not isinstance(network, ReIDModel) and _steps_itself(learner):
        name = type(learner).__name__  # what its step gives the network is unknown
        return "float32", f"{name} has its own step for a network that is no ReIDModel"
    try:
        copied = copy.deepcopy(network)
    except (TypeError, RuntimeError) as error:  # it holds a lock, an open file, or a tensor with a history
        return "float32", f"the network cannot be copied for a timing: {error}"
    return faster_precision(copied, clip.frames.to(learner.device), clip.camid.to(learner.device))


def _steps_itself(learner: Learner) -> bool:
    return type(learner).step is not Learner.step or type(learner).forward is not Learner.forward


def faster_precision(
    network: nn.Module,
    frames: Tensor,
    camids: Tensor | None = None,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Timed, str]:
    """Time forward and backward pass of a network in float32 and in bfloat16, in turns.

    The global random state does not change; batch-norm statistics do.

    Args:
        network: a copy of its own, in train mode, with float32 weights.
        frames: ``(B, T, 3, H, W)`` uint8 on its device, B at least 1; on a CPU at most 16 frames are used.
        camids: ``(B,)`` for a network that uses cameras.
        clock: returns seconds; for tests.

    Returns:
        "bfloat16" if it is more than 15 % faster and its outputs are finite, else "float32"; and the reason.
    """
    rows = torch.arange(_rows_of(frames), device=frames.device).remainder(len(frames))
    frames, camids = frames[rows], None if camids is None else camids[rows]
    device = frames.device
    names: tuple[Timed, Timed] = ("float32", "bfloat16")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    finite = dict.fromkeys(names, True)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        wrong = wrong_convolutions(network, frames, camids, log=False) if device.type == "cpu" else {}
        layers = [network.get_submodule(name) for name in wrong]
        for run in range(_RUNS + 1):
            for name in names:
                start = clock()
                finite[name] &= _pass(network, frames, camids, layers if name == "bfloat16" else [], name)
                if run:  # the first run also prepares kernels
                    seconds[name].append(clock() - start)
    if not all(finite.values()):
        return (
            "float32",
            f"outputs are not finite in {' and '.join(name for name in names if not finite[name])}",
        )
    slow, fast = (min(seconds[name]) for name in names)
    rates = ", ".join(f"{name}: {len(frames) / max(min(seconds[name]), 1e-9):.1f} clips/s" for name in names)
    return ("bfloat16" if slow > _GAIN * fast else "float32"), rates


def _rows_of(frames: Tensor) -> int:
    """Return the clips of a timed pass; at least two, which batch norm needs."""
    if frames.device.type != "cpu":
        return max(2, len(frames))
    return max(2, min(len(frames), _CPU_FRAMES // frames.shape[1]))


def _pass(
    network: nn.Module, frames: Tensor, camids: Tensor | None, layers: list[nn.Module], name: Timed
) -> bool:
    """Run forward and backward pass; return whether the sum of the outputs is finite, which waits for the device."""
    half = torch.autocast(frames.device.type, torch.bfloat16) if name == "bfloat16" else nullcontext()
    with half, in_float32(layers):
        output = run_model(network, frames, camids)
    values = [output]
    if isinstance(output, ReIDOutput):
        values = [output.embedding, *output.logits, *output.features]
    total = torch.stack([value.float().square().mean() for value in values]).sum()
    if total.requires_grad:  # not if all layers are frozen
        total.backward()
        network.zero_grad(set_to_none=True)
    finite = bool(torch.isfinite(total))
    if frames.device.type == "cuda":
        torch.cuda.synchronize(frames.device)
    return finite
