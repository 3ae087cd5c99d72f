"""Build, train and score the small network of the demos, reproducibly for a seed."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from videoreid.data import ClipTransform
    from videoreid.models import ReIDModel
    from videoreid.types import Ranking, Splits

__all__ = ["MODEL", "SIZE", "build_network", "repeatable", "score_network", "train_network"]

MODEL = "osnet_x0_25"
SIZE = (128, 64)
BATCH_SIZE, INSTANCES = 32, 2
LEARNING_RATE = 3e-3
FRAMES = 4


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Seed everything and use deterministic algorithms; restore the setting afterwards."""
    import torch

    from videoreid.utils import seed_everything

    before = torch.are_deterministic_algorithms_enabled()
    seed_everything(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)  # noqa: FBT003 - torch takes no keyword
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def build_network(splits: "Splits") -> "ReIDModel":
    """Return the untrained network, whose input size is that of the training."""
    from videoreid.models import build_model

    model = build_model(MODEL, num_classes=splits.num_train_pids)
    model.input_size = SIZE
    return model


def score_network(model: "ReIDModel", splits: "Splits", workers: int) -> "Ranking":
    """Return the ranking of the dataset's queries."""
    from videoreid.data import build_transform, eval_loader
    from videoreid.engine import evaluate

    loaders = [
        eval_loader(
            part,
            batch_size=32,
            num_frames=FRAMES,
            transform=build_transform("basic", SIZE, train=False),
            workers=workers,
        )
        for part in (splits.query, splits.gallery)
    ]
    return evaluate(model, loaders[0], loaders[1], protocol=splits.protocol, dataset=splits.name)


def train_network(model: "ReIDModel", splits: "Splits", steps: int, args: argparse.Namespace) -> None:
    """Train with cross-entropy only: from random weights, a triplet loss tends to collapse in the first steps."""
    from videoreid.data import train_loader
    from videoreid.engine import Engine, TrainSettings
    from videoreid.losses import SoftmaxCriterion
    from videoreid.optim import build_lr_scheduler, build_optimizer

    loader = train_loader(
        splits.train,
        batch_size=min(BATCH_SIZE, INSTANCES * splits.num_train_pids),
        num_frames=1,
        instances=INSTANCES,
        sampling="random",
        transform=_augmentation(),
        workers=args.workers,
        seed=args.seed,
    )
    optimizer = build_optimizer(model, "adamw", LEARNING_RATE, weight_decay=5e-4)
    schedule = build_lr_scheduler(
        optimizer, "cosine", max_epoch=steps, warmup="linear", warmup_epochs=max(1, steps // 8)
    )
    engine = Engine(
        model,
        SoftmaxCriterion(),
        optimizer,
        schedule,
        settings=TrainSettings(precision="float32", schedule="step", clip_norm=5.0),
    )
    engine.fit(loader, epochs=-(-steps // len(loader)), max_steps=steps)


def _augmentation() -> "ClipTransform":
    from videoreid.data import ClipTransform
    from videoreid.data.transforms import HorizontalFlip, PadCrop, Resize

    return ClipTransform([Resize(SIZE), HorizontalFlip(), PadCrop(6)])
