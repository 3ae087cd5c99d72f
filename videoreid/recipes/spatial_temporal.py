"""The steps of st-ReID after training: write features and training sightings, fit the spatial-temporal histogram."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from videoreid.metrics import SpatialTemporalModel
from videoreid.recipes.record import Recipe
from videoreid.recipes.registry import get_recipe
from videoreid.recipes.running import extract_recipe
from videoreid.retrieval import write_features
from videoreid.types import Features, Splits, Tracklet

__all__ = ["fit_transitions", "sightings_of", "write_recipe_features"]


def write_recipe_features(
    recipe: Recipe,
    model: nn.Module,
    splits: Splits,
    path: str | Path,
    *,
    workers: int = 0,
) -> None:
    """Extract query and gallery features by the test rule of a recipe; write them with the training sightings.

    Args:
        recipe: names the test rule.
        model: the trained network.
        splits: the dataset.
        path: of the feature file, which `videoreid eval` scores and `videoreid st fit` learns from.
        workers: processes that read frames.
    """
    query, gallery = extract_recipe(recipe, model, splits, workers=workers)
    write_features(
        path,
        query,
        gallery,
        model=recipe.model,
        dataset=splits.name,
        protocol=splits.protocol,
        details={"frames": f"{recipe.num_frames} {recipe.test_sampling}", "recipe": recipe.name},
        train=sightings_of(splits.train),
    )


def sightings_of(tracklets: tuple[Tracklet, ...]) -> Features:
    """Return pid, camera and time of each tracklet, as features with embeddings of shape ``(N, 0)``.

    Args:
        tracklets: N tracklets, usually the training split.
    """
    values: dict[str, Any] = {
        "pids": np.array([tracklet.pid for tracklet in tracklets], dtype=np.int64),
        "camids": np.array([tracklet.camid for tracklet in tracklets], dtype=np.int64),
        "times": np.array([tracklet.time for tracklet in tracklets], dtype=np.float64),
        "end_times": np.array([tracklet.end_time for tracklet in tracklets], dtype=np.float64),
    }
    return Features(torch.empty(len(tracklets), 0), **values)


def fit_transitions(
    train: Features,
    dataset: str,
    *,
    num_bins: int | None = None,
    interval: float = 100,
    sigma: float = 50,
    visits: Literal["mean", "clustered"] = "mean",
) -> SpatialTemporalModel:
    """Fit the spatial-temporal histogram on training sightings, with the constants of the dataset.

    Args:
        train: see `sightings_of`.
        dataset: name of the dataset; DukeMTMC-reID has 3,000 bins, Market-1501 and every other dataset 5,000.
        num_bins: number of bins; None takes the published number.
        interval: width of a bin in the unit of the times.
        sigma: standard deviation of the smoothing, in bins.
        visits: "mean" (published) or "clustered", see `SpatialTemporalModel.fit`.

    Raises:
        ConfigError: a transition is longer than all bins together.
        ProtocolError: there is no transition.
    """
    name = dataset.partition("/")[0]
    bins = get_recipe("streid_pcb").on(name).num_bins if num_bins is None else num_bins
    return SpatialTemporalModel.fit(
        pids=train.pids,
        camids=train.camids,
        times=train.times,
        end_times=train.end_times,
        interval=interval,
        num_bins=bins or 5000,
        sigma=sigma,
        visits=visits,
    )
