"""Training and scoring through methods of a subclass: ``forward_backward``, ``extract_features`` and others."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from videoreid.engine.learner import Learner
from videoreid.engine.settings import TrainSettings
from videoreid.engine.training import Losses
from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD
from videoreid.inference.loader_contract import LoaderInfo
from videoreid.torchreid.engine.batches import as_dictionary, as_images, plain_outputs
from videoreid.torchreid.engine.steps import TrainingSteps
from videoreid.types import Clip
from videoreid.utils.processes import process_count
from videoreid.utils.wrappers import unwrap_model

__all__ = ["OwnExtraction", "OwnStepLearner", "modes_kept"]


class OwnStepLearner(Learner):
    """A learner whose step, update included, is the ``forward_backward`` of an engine.

    A checkpoint holds the registered networks, their optimisers and schedules, and the other modules that are
    attributes of the engine (centres of a loss, say).

    Args:
        engine: with at least one network and optimiser registered.
        settings: of the run; precision "auto" or "float32".

    Raises:
        ConfigError: nothing to train, or a setting that ``forward_backward`` cannot apply.
    """

    def __init__(self, engine: TrainingSteps, settings: TrainSettings) -> None:
        _refuse_settings(engine, settings)
        self.engine = engine
        self.networks = list(engine._models.values())
        model = self.networks[0] if len(self.networks) == 1 else nn.ModuleDict(engine._models)
        optimizers = [optimizer for optimizer in engine._optims.values() if optimizer is not None]
        schedule: Any = _Schedules(engine) if any(engine._scheds.values()) else None
        super().__init__(
            model,
            _other_modules(engine),
            optimizers,
            schedule,
            settings=replace(settings, precision="float32"),
            device=engine.device,
        )
        info = LoaderInfo.of(engine.datamanager.train_loader)
        self._known: dict[str, Any] = {
            "images": engine._gives_images(),
            "tracklets": info.tracklets,
            "domains": getattr(engine.datamanager, "train_domains", None),
        }

    def choose_layers(self) -> None:
        """Set train mode and open layers by the engine's own methods."""
        self.engine.epoch = self.progress.epoch
        self.engine.set_model_mode("train")
        epochs, layers = self.settings.fixbase_epochs, self.settings.open_layers
        self.engine.two_stepped_transfer_learning(self.progress.epoch, epochs, layers)

    def step(self, clip: Clip) -> Losses:
        """Call ``forward_backward`` of the engine; return its numbers as tensors without gradient."""
        self.engine.batch_idx = self.progress.batch
        data = as_dictionary(clip, self.networks[0], **self._known)
        with plain_outputs(self.networks):
            return _losses(self.engine.forward_backward(data))

    def backward(self, losses: Losses, group: int) -> None:
        """Do nothing: ``forward_backward`` has done it."""

    def update(self) -> None:
        """Do nothing: ``forward_backward`` has done it."""


class OwnExtraction(nn.Module):
    """`TrainingSteps.extract_features` of an engine as a module, for functions that take a network."""

    def __init__(self, engine: TrainingSteps) -> None:
        super().__init__()
        self.engine = engine
        self.networks = nn.ModuleList(engine._models.values())
        self.uses_cameras = True
        first = unwrap_model(engine._scored())
        self.pixel_mean = getattr(first, "pixel_mean", IMAGENET_MEAN)
        self.pixel_std = getattr(first, "pixel_std", IMAGENET_STD)

    def forward(self, frames: Tensor, camids: Tensor) -> Tensor:
        """Return features ``(B, D)`` of normalised frames ``(B, T, 3, H, W)``."""
        images = as_images(frames) if self.engine._gives_images() else frames
        data = {"img": images, "pid": torch.full_like(camids, -1), "camid": camids}
        return self.engine.extract_features(self.engine.parse_data_for_eval(data)[0])

    def __deepcopy__(self, memo: dict[int, Any]) -> "OwnExtraction":
        return self  # the engine's methods run its own networks


@contextmanager
def modes_kept(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Restore the train or eval mode of every submodule of some networks after the block."""
    before = [(part, part.training) for module in modules for part in module.modules()]
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


class _Schedules:
    """The schedules of an engine as one schedule that steps once an epoch."""

    def __init__(self, engine: TrainingSteps) -> None:
        self.engine = engine

    def step(self) -> None:
        self.engine.update_lr()

    def state_dict(self) -> dict[str, Any]:
        return {name: one.state_dict() for name, one in self.engine._scheds.items() if one is not None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, one in self.engine._scheds.items():
            if one is not None:
                one.load_state_dict(state[name])


def _refuse_settings(engine: TrainingSteps, settings: TrainSettings) -> None:
    name = type(engine).__name__
    if all(optimizer is None for optimizer in engine._optims.values()):
        raise ConfigError(
            f"{name} has nothing to train: call self.register_model('model', model, optimizer, scheduler) in __init__"
        )
    if settings.precision not in ("auto", "float32"):
        raise ConfigError(
            f"precision={settings.precision!r}: {name}.forward_backward decides it, with torch.autocast for instance"
        )
    if process_count() > 1:
        raise ConfigError(
            f"{name}.forward_backward trains on one process: for several, write a videoreid.Engine with `step`"
        )


def _other_modules(engine: TrainingSteps) -> nn.ModuleDict:
    networks = {id(unwrap_model(model)) for model in engine._models.values()}
    parts = {name: value for name, value in vars(engine).items() if isinstance(value, nn.Module)}
    return nn.ModuleDict(
        {name: part for name, part in parts.items() if id(unwrap_model(part)) not in networks}
    )


def _losses(summary: Any) -> Losses:
    """Return the numbers of a step, with "loss" among them.

    Raises:
        ConfigError: not a mapping of names to numbers, or an empty one.
    """
    if not isinstance(summary, Mapping) or not summary:
        raise ConfigError(
            f"forward_backward returned {summary!r}: return numbers by name, such as {{'loss': loss.item()}}"
        )
    values = {
        str(name): float(value.detach() if isinstance(value, Tensor) else value)
        for name, value in summary.items()
    }
    if "loss" not in values:
        values["loss"] = sum(value for name, value in values.items() if not name.startswith("acc"))
    return {name: torch.tensor(value) for name, value in values.items()}
