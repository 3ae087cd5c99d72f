"""Set up the accelerate library (device, mixed precision, processes) for one engine."""

import os
from typing import Any

import torch

from videoreid.errors import ConfigError

__all__ = ["join_processes", "new_accelerator"]

_NAMES = {"auto": "no", "float32": "no", "bfloat16": "bf16", "float16": "fp16"}


def new_accelerator(precision: str, device: torch.device | str | None = None) -> Any:
    """Return an `accelerate.Accelerator`.

    Accelerate keeps precision and device in a state that the whole process shares; it is reset here, because one
    script may train several engines.

    Args:
        precision: "float32", "bfloat16" or "float16"; "auto" counts as float32 until it is settled.
        device: None takes the best available device; with several processes each takes its own.

    Raises:
        ConfigError: float16 is requested without CUDA.
    """
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from accelerate.state import AcceleratorState

    cpu = device is not None and torch.device(device).type == "cpu"
    if precision == "float16" and (cpu or not torch.cuda.is_available()):
        raise ConfigError("float16 scales the loss and needs CUDA; use bfloat16 or float32 on this device")
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    # heads that the criterion does not use, and layers that are frozen for some epochs, get no gradient
    parallel = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(mixed_precision=_NAMES[precision], cpu=cpu, kwargs_handlers=[parallel])


def join_processes(device: str | None = None) -> str | None:
    """Join the processes that torchrun or `accelerate launch` started; with one process, do nothing.

    Args:
        device: "cpu", "cuda", or None for the CPU.

    Returns:
        The device of this process; with several GPUs, its own GPU.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return device
    from accelerate import PartialState

    state = PartialState(cpu=device is None or device == "cpu")
    return str(state.device)
