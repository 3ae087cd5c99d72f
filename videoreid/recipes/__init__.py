"""Published systems as records, and the functions that train and score any of them."""

from videoreid.recipes.building import (
    build_criterion,
    build_engine,
    build_network,
    open_dataset,
    open_test,
    open_training,
)
from videoreid.recipes.engines import ErasingEngine, FrameEngine, erase_frames
from videoreid.recipes.overrides import override, parse_settings, settings_of
from videoreid.recipes.record import PublishedScore, Recipe
from videoreid.recipes.registry import get_recipe, list_recipes
from videoreid.recipes.run_notes import RunNotes, describe_run, refuse_other_recipe
from videoreid.recipes.running import (
    RunOptions,
    extract_recipe,
    published_lines,
    score_features,
    train_recipe,
)
from videoreid.recipes.spatial_temporal import fit_transitions, sightings_of, write_recipe_features

__all__ = [
    "ErasingEngine",
    "FrameEngine",
    "PublishedScore",
    "Recipe",
    "RunNotes",
    "RunOptions",
    "build_criterion",
    "build_engine",
    "build_network",
    "describe_run",
    "erase_frames",
    "extract_recipe",
    "fit_transitions",
    "get_recipe",
    "list_recipes",
    "open_dataset",
    "open_test",
    "open_training",
    "override",
    "parse_settings",
    "published_lines",
    "refuse_other_recipe",
    "score_features",
    "settings_of",
    "sightings_of",
    "train_recipe",
    "write_recipe_features",
]
