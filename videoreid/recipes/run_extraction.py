"""Features of a finished run: its folder says the recipe, the dataset and the weights."""

from pathlib import Path
from typing import Any

from videoreid.engine.checkpointing import list_checkpoints
from videoreid.errors import ConfigError
from videoreid.models import load_weights
from videoreid.recipes.building import build_network, open_dataset
from videoreid.recipes.overrides import override
from videoreid.recipes.record import Recipe
from videoreid.recipes.registry import get_recipe
from videoreid.recipes.run_notes import read_notes
from videoreid.recipes.spatial_temporal import write_recipe_features
from videoreid.retrieval import FeatureFile, read_features

__all__ = ["extract_run", "read_run_recipe"]


def read_run_recipe(folder: str | Path) -> tuple[Recipe, dict[str, Any]]:
    """Return the recipe of a run with all its numbers, and what the run noted of its dataset.

    Args:
        folder: of the run, as `train_recipe` leaves it.

    Returns:
        The recipe, and a mapping with ``name``, ``root`` and the counts of the dataset.

    Raises:
        ConfigError: the folder holds no run of a recipe, or one with a setting that this version does not know.
    """
    notes = read_notes(Path(folder)) or {}
    settings = notes.get("recipe")
    if not isinstance(settings, dict) or not isinstance(notes.get("dataset"), dict):
        raise ConfigError(
            f"{folder} holds no run of a recipe (run.json with its settings); videoreid train RECIPE --output {folder} "
            "makes one"
        )
    recipe = get_recipe(str(settings.get("name")))
    options = {f"model.{key}": value for key, value in settings.get("model_options", {}).items()}
    numbers = {key: value for key, value in settings.items() if key not in ("name", "model", "model_options")}
    return override(recipe, {**numbers, **options}), notes["dataset"]


def extract_run(
    folder: str | Path,
    output: str | Path,
    *,
    root: str | Path | None = None,
    weights: str | Path | None = None,
    workers: int = 0,
    device: str | None = None,
    options: dict[str, Any] | None = None,
) -> FeatureFile:
    """Write the features of a run's queries and gallery, made by the test rule of its recipe.

    The training sightings are written with them, so that `videoreid st fit` needs no other file.

    Args:
        folder: of the run.
        output: the feature file, usually ``*.h5``.
        root: folder of the dataset; None takes the one that the run noted.
        weights: a checkpoint; None takes the newest of the run.
        workers: processes that read.
        device: where to run; None is the CPU.
        options: further options of the dataset.

    Raises:
        ConfigError: no run of a recipe in the folder, or no checkpoint.
        DatasetError: the dataset is missing or damaged.
    """
    recipe, dataset = read_run_recipe(folder)
    checkpoints = [Path(weights)] if weights is not None else list_checkpoints(folder)
    if not checkpoints:
        raise ConfigError(
            f"{folder} holds no checkpoint-*.pt; train the run first, or name a file with weights="
        )
    name = str(dataset["name"]).partition("/")[0]
    splits = open_dataset(recipe, name, dataset.get("root") if root is None else root, **(options or {}))
    model = build_network(override(recipe, {"pretrained": False}), splits.num_train_pids)
    load_weights(model, checkpoints[-1])
    write_recipe_features(recipe, model.to(device or "cpu"), splits, output, workers=workers)
    return read_features(output)
