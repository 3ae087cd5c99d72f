"""Build the parts of a recipe: dataset, network, losses, optimisers, engine and loaders."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from torch import nn
from torch.optim import Optimizer

from videoreid.data import ClipDataset, ClipLoader, PKSampler, build_transform, eval_loader
from videoreid.data.datasets import build_dataset, dense_tracklets
from videoreid.engine import Engine, TrainSettings
from videoreid.losses import BagOfTricksCriterion, Criterion, SoftmaxCriterion, TripletCriterion
from videoreid.models import ReIDModel, build_model, load_weights
from videoreid.optim import build_center_optimizer, build_lr_scheduler, build_optimizer
from videoreid.recipes.engines import ErasingEngine, FrameEngine
from videoreid.recipes.record import Recipe
from videoreid.types import Splits, Tracklet

__all__ = ["build_criterion", "build_engine", "build_network", "open_dataset", "open_test", "open_training"]


def open_dataset(recipe: Recipe, dataset: str, root: str | Path | None, **options: Any) -> Splits:
    """Read a dataset with the split, the pieces of tracklets and the protocol of a recipe.

    Args:
        recipe: with the settings of this dataset (`Recipe.on`).
        dataset: registered name.
        root: folder of the dataset.
        **options: of the dataset.

    Raises:
        ConfigError: the dataset has no such split.
        DatasetError: the dataset is missing or damaged.
    """
    if recipe.split_id is not None:
        options = {"split_id": recipe.split_id, **options}
    splits = build_dataset(dataset, root, **options)
    if recipe.dense_step is not None:
        splits = replace(splits, train=dense_tracklets(splits.train, recipe.dense_step, recipe.dense_window))
    return splits if recipe.protocol is None else splits.with_protocol(recipe.protocol)


def build_network(recipe: Recipe, num_classes: int, *, weights: str | Path | None = None) -> ReIDModel:
    """Build the network of a recipe.

    Args:
        recipe: names the network and its options.
        num_classes: training identities K.
        weights: a checkpoint to start from, such as one of the same recipe on another dataset; its classifier is
            not loaded if the number of identities differs.

    Raises:
        WeightsError: the weights are missing, or belong to another network.
    """
    size = {"height": recipe.height, "width": recipe.width} if recipe.fixed_size else {}
    pretrained = recipe.pretrained if weights is None else False
    model = build_model(recipe.model, num_classes, pretrained=pretrained, **{**size, **recipe.model_options})
    if weights is not None:
        load_weights(model, weights)
    return model


def build_criterion(recipe: Recipe, model: nn.Module, num_classes: int, dim: int) -> Criterion:
    """Build the losses of a recipe.

    Args:
        recipe: names the loss terms and their weights.
        model: network whose classifier weights may be the class vectors of OSM + CAA.
        num_classes: training identities K.
        dim: width D of the features.
    """
    if recipe.center_weight:
        network: Any = model
        return BagOfTricksCriterion(
            num_classes,
            dim,
            margin=recipe.margin,
            beta=recipe.beta,
            osm={"sigma": recipe.osm_sigma, "alpha": recipe.osm_alpha, "l": recipe.osm_l},
            classifier_weight=(lambda: network.classifier.weight)
            if recipe.osm_vectors == "classifier"
            else None,
            frame_attention=bool(recipe.erase_frames),
            center_weight=recipe.center_weight,
        )
    if not recipe.triplet_weight:
        return SoftmaxCriterion(recipe.label_smoothing, heads=recipe.heads)
    return TripletCriterion(
        recipe.margin,
        distance=recipe.triplet_distance,
        label_smoothing=recipe.label_smoothing,
        triplet_weight=recipe.triplet_weight,
        heads=recipe.heads,
    )


def build_engine(
    recipe: Recipe,
    model: ReIDModel,
    num_classes: int,
    *,
    precision: str = "float32",
    device: str | None = None,
    metric: str = "mAP",
) -> Engine:
    """Build the engine of a recipe: network, losses, optimisers and schedule.

    Args:
        recipe: the settings.
        model: the network.
        num_classes: training identities K.
        precision: see `TrainSettings`.
        device: None takes the best available device.
        metric: validation metric by which the best checkpoint is chosen.
    """
    criterion = build_criterion(recipe, model, num_classes, model.embedding_dim)
    optimizers = _build_optimizers(recipe, model, criterion)
    scheduler = build_lr_scheduler(
        optimizers[0],
        recipe.schedule,
        list(recipe.milestones),
        recipe.gamma,
        warmup=recipe.warmup,
        warmup_epochs=recipe.warmup_epochs,
        warmup_factor=recipe.warmup_factor,
    )
    settings = TrainSettings(
        precision=cast(Any, precision),  # TrainSettings checks it
        validate_every=recipe.validate_every,
        validate_from=recipe.validate_from,
        metric=metric,
    )
    parts = (model, criterion, optimizers, scheduler)
    if recipe.erase_frames:
        share, seed = recipe.erase_frames, recipe.seed
        return ErasingEngine(*parts, settings=settings, device=device, share=share, seed=seed)
    engine = FrameEngine if recipe.frames_as_samples else Engine
    return engine(*parts, settings=settings, device=device)


def open_training(recipe: Recipe, tracklets: Sequence[Tracklet], *, workers: int = 0) -> ClipLoader:
    """Build the training loader of a recipe.

    Args:
        recipe: the settings.
        tracklets: the training split.
        workers: processes that read frames.

    Raises:
        ConfigError: the training split does not fill one batch.
    """
    dataset = ClipDataset(
        tracklets,
        num_frames=recipe.num_frames,
        sampling=recipe.sampling,
        transform=build_transform(recipe.augmentation, (recipe.height, recipe.width), train=True),
        seed=recipe.seed,
    )
    sampler = PKSampler(
        tracklets,
        batch_size=recipe.batch_size,
        instances=recipe.instances,
        grouping=recipe.grouping,
        seed=recipe.seed,
    )
    return ClipLoader(dataset, batch_size=recipe.batch_size, sampler=sampler, workers=workers)


def open_test(recipe: Recipe, tracklets: Sequence[Tracklet], *, workers: int = 0) -> ClipLoader:
    """Build the test loader of the queries or of the gallery.

    Args:
        recipe: the settings.
        tracklets: the queries or the gallery.
        workers: processes that read frames.
    """
    return eval_loader(
        tracklets,
        batch_size=recipe.test_batch_size,
        num_frames=recipe.num_frames,
        sampling=recipe.test_sampling,
        transform=build_transform(recipe.augmentation, (recipe.height, recipe.width), train=False),
        workers=workers,
    )


def _build_optimizers(recipe: Recipe, model: nn.Module, criterion: nn.Module) -> list[Optimizer]:
    """Return the optimiser of the network, and that of the class centres if the recipe has a centre loss."""
    options: dict[str, Any] = {"nesterov": recipe.nesterov} if recipe.optimizer == "sgd" else {}
    optimizer = build_optimizer(
        model,
        recipe.optimizer,
        recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        staged_lr=bool(recipe.new_layers),
        new_layers=recipe.new_layers,
        base_lr_mult=recipe.trunk_share,
        **options,
    )
    if not recipe.center_weight:
        return [optimizer]
    rate, weight = recipe.center_learning_rate, recipe.center_weight
    return [optimizer, build_center_optimizer(criterion.parameters(), rate, loss_weight=weight)]
