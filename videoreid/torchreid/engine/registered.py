"""The registered networks of a torchreid engine, each with its optimiser and schedule."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from videoreid.errors import ConfigError
from videoreid.models.freezing import train_mode
from videoreid.torchreid.utils.checkpoints import save_checkpoint

__all__ = ["RegisteredModels"]

Names = str | Sequence[str] | None


class RegisteredModels:
    """Networks, optimisers and schedules by name.

    Attributes:
        model: the network that is scored; the first one registered, unless a subclass sets it.
        optimizer: likewise.
        scheduler: likewise.
    """

    def __init__(self) -> None:
        self.model: nn.Module | None = None
        self.optimizer: Optimizer | None = None
        self.scheduler: LRScheduler | None = None
        self._models: dict[str, nn.Module] = {}
        self._optims: dict[str, Optimizer | None] = {}
        self._scheds: dict[str, LRScheduler | None] = {}

    def register_model(
        self,
        name: str = "model",
        model: nn.Module | None = None,
        optim: Optimizer | None = None,
        sched: LRScheduler | None = None,
    ) -> None:
        """Register a network under a name, to be trained, saved and switched between modes.

        Args:
            name: a name that is not registered.
            model: the network; a `DataParallel` around it is removed.
            optim: over its parameters; None where it is not trained.
            sched: stepped once an epoch.

        Raises:
            ConfigError: no network, or the name is registered already.
        """
        if not isinstance(model, nn.Module):
            raise ConfigError(f"register_model({name!r}, ...) needs a network, got {type(model).__name__}")
        if name in self._models:
            raise ConfigError(f"a model {name!r} is registered already: give each one a name of its own")
        network = model.module if isinstance(model, nn.DataParallel) else model
        if not self._models:
            self.model = network if self.model is None else self.model
            self.optimizer = optim if self.optimizer is None else self.optimizer
            self.scheduler = sched if self.scheduler is None else self.scheduler
        self._models[name], self._optims[name], self._scheds[name] = network, optim, sched

    def get_model_names(self, names: Names = None) -> list[str]:
        """Return the names of the registered networks, or ``names`` if all of them are registered.

        Raises:
            ConfigError: a name that is not registered.
        """
        wanted = [names] if isinstance(names, str) else list(self._models if names is None else names)
        unknown = [name for name in wanted if name not in self._models]
        if unknown:
            known = ", ".join(self._models) or "none"
            raise ConfigError(f"no model {', '.join(map(repr, unknown))} is registered; there is: {known}")
        return wanted

    def set_model_mode(self, mode: str = "train", names: Names = None) -> None:
        """Switch networks to "train" or "eval" mode; frozen layers stay in eval mode.

        Raises:
            ConfigError: an unknown mode, or a name that is not registered.
        """
        if mode not in ("train", "eval", "test"):
            raise ConfigError(f"unknown mode {mode!r}; choose 'train' or 'eval'")
        for name in self.get_model_names(names):
            if mode == "train":
                train_mode(self._models[name])
            else:
                self._models[name].eval()

    def get_current_lr(self, names: Names = None) -> float:
        """Return the learning rate of the last parameter group of the first network that has an optimiser.

        Raises:
            ConfigError: none has one.
        """
        for name in self.get_model_names(names):
            optimizer = self._optims[name]
            if optimizer is not None:
                return float(optimizer.param_groups[-1]["lr"])
        raise ConfigError("no model is registered with an optimiser")

    def update_lr(self, names: Names = None) -> None:
        """Step the schedules; `Engine.run` calls this after each epoch."""
        for name in self.get_model_names(names):
            scheduler = self._scheds[name]
            if scheduler is not None:
                scheduler.step()

    def save_model(
        self,
        epoch: int,
        rank1: float,
        save_dir: str | Path,
        is_best: bool = False,  # noqa: FBT001, FBT002 - torchreid's signature
    ) -> list[Path]:
        """Write ``<save_dir>/<name>/model.pth.tar-<epoch + 1>`` of every network, for `resume_from_checkpoint`.

        Args:
            epoch: 0-based number of the last epoch.
            rank1: 0..1, stored in the file.
            save_dir: folder; made if it is missing.
            is_best: write ``model-best.pth.tar`` as well.

        Returns:
            The files.
        """
        paths = []
        for name, model in self._models.items():
            state: dict[str, Any] = {"state_dict": model.state_dict(), "epoch": epoch + 1, "rank1": rank1}
            for key, part in (("optimizer", self._optims[name]), ("scheduler", self._scheds[name])):
                if part is not None:
                    state[key] = part.state_dict()
            paths.append(save_checkpoint(state, Path(save_dir) / name, is_best))
        return paths

    def _move(self, device: torch.device) -> None:
        for model in self._models.values():
            model.to(device)
