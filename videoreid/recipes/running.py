"""Train a recipe, score it by its own rules, and print the published scores next to the new ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from videoreid.distances import DISTANCES
from videoreid.engine import CSVLogger, Engine, check_matches, extract_features, save_evaluation
from videoreid.errors import ConfigError
from videoreid.metrics import KReciprocal, evaluate_features, get_protocol
from videoreid.recipes.building import (
    build_engine,
    build_network,
    open_test,
    open_training,
)
from videoreid.recipes.record import PublishedScore, Recipe
from videoreid.recipes.run_notes import RunNotes, describe_run, refuse_other_recipe
from videoreid.types import Features, Ranking, Splits
from videoreid.utils import seed_everything
from videoreid.utils.printing import say
from videoreid.utils.processes import process_rank

__all__ = [
    "RunOptions",
    "describe_score",
    "extract_recipe",
    "published_lines",
    "score_features",
    "train_recipe",
]


_SAVED = "saved, run again to go on (with --resume)"


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of a run that are not part of the recipe.

    Args:
        output_dir: folder of checkpoints, ``log.csv`` and ``run.json``.
        max_steps: stop after this number of updates; None trains all epochs.
        resume: continue from the newest checkpoint in the folder.
        weights: a checkpoint to start from.
        workers: processes that read frames.
        precision: of the forward pass, see `TrainSettings`.
        device: None takes the best available device.
        two_blocks: also score VPReID's second block ("re Results").
        validate: score between epochs.
        progress: show progress bars.
        command: command line of the run, for ``run.json``.
        root: folder of the dataset, for ``run.json``.
        save_features: keep the features of the last scoring in the folder, for a report.
    """

    output_dir: Path
    max_steps: int | None = None
    resume: bool = False
    weights: str | Path | None = None
    workers: int = 0
    precision: str = "float32"
    device: str | None = None
    two_blocks: bool = False
    validate: bool = True
    progress: bool = True
    command: Sequence[str] = ()
    root: str | Path | None = None
    save_features: bool = False


def train_recipe(recipe: Recipe, splits: Splits, options: RunOptions) -> dict[str, Ranking]:
    """Train a recipe, and score the weights of the last epoch.

    Args:
        recipe: with the settings of the dataset (`Recipe.on`) and the changes of the user.
        splits: see `open_dataset`.
        options: of this run.

    Returns:
        The rankings by block, see `score_features`.

    Raises:
        ConfigError: the folder holds a run of another recipe, dataset or setting, or a setting is unknown or out of
            range.
        KeyboardInterrupt: Ctrl-C was pressed; a checkpoint has been saved.
    """
    refuse_other_recipe(options.output_dir, recipe, splits.name)
    _check_test_rule(recipe, splits)
    seed_everything(recipe.seed)
    engine = _new_engine(recipe, splits.num_train_pids, options)
    scored: dict[int, dict[str, Ranking]] = {}
    features: list[Features] = []

    def validate() -> dict[str, Any]:
        query, gallery = extract_recipe(
            recipe, engine.scored_model, splits, workers=options.workers, progress=options.progress
        )
        scored.clear()
        features[:] = query, gallery
        scored[engine.progress.step] = score_features(
            recipe, splits, query, gallery, two_blocks=options.two_blocks
        )
        return scored[engine.progress.step]["ori"].summary()

    notes = describe_run(recipe, splits, command=options.command, root=options.root)
    try:
        engine.fit(
            open_training(recipe, splits.train, workers=options.workers),
            recipe.epochs,
            validate=validate if options.validate else None,
            output_dir=options.output_dir,
            resume="auto" if options.resume else None,
            callbacks=[RunNotes(options.output_dir, notes), CSVLogger(options.output_dir / "log.csv")],
            max_steps=options.max_steps,
            progress=options.progress,
        )
    except (KeyboardInterrupt, SystemExit):
        say(_SAVED)
        raise
    if engine.progress.epoch < recipe.epochs:
        say(_SAVED)
    if engine.progress.step not in scored:
        validate()
    _store(
        scored[engine.progress.step], features, splits, recipe, replace(options, device=str(engine.device))
    )
    return scored[engine.progress.step]


def _check_test_rule(recipe: Recipe, splits: Splits) -> None:
    """Refuse what would fail only when the first trained weights are scored."""
    check_matches(splits.query, splits.gallery, protocol=splits.protocol)
    if recipe.distance not in DISTANCES:
        known = ", ".join(map(repr, DISTANCES))
        raise ConfigError(f"unknown distance {recipe.distance!r}; choose one of {known}")
    for part in (splits.query, splits.gallery):
        open_test(recipe, part)


def _new_engine(recipe: Recipe, classes: int, options: RunOptions) -> Engine:
    model = build_network(recipe, classes, weights=options.weights)
    return build_engine(recipe, model, classes, precision=options.precision, device=options.device)


def _store(
    rankings: Mapping[str, Ranking],
    features: Sequence[Features],
    splits: Splits,
    recipe: Recipe,
    options: RunOptions,
) -> None:
    """Save the last ranking of every block in the run folder; all blocks share the features, which are saved once."""
    if process_rank() != 0:
        return
    kept: bool | Path = options.save_features
    for block, ranking in rankings.items():
        place = save_evaluation(
            options.output_dir,
            ranking,
            query=features[0],
            gallery=features[1],
            name=block,
            tracklets=(splits.query, splits.gallery),
            features=kept,
            notes={"model": recipe.name, "device": options.device, "command": list(options.command)},
        )
        kept = place / "features.h5" if kept is True else kept


def extract_recipe(
    recipe: Recipe, model: nn.Module, splits: Splits, *, workers: int = 0, progress: bool = False
) -> tuple[Features, Features]:
    """Return the features of queries and gallery by the test rule of a recipe.

    Args:
        recipe: names the test rule.
        model: the network.
        splits: the dataset.
        workers: processes that read frames.
        progress: show progress bars.
    """
    query, gallery = (
        extract_features(model, open_test(recipe, part, workers=workers), progress=progress)
        for part in (splits.query, splits.gallery)
    )
    return query, gallery


def score_features(
    recipe: Recipe, splits: Splits, query: Features, gallery: Features, *, two_blocks: bool = False
) -> dict[str, Ranking]:
    """Score features by the rules of a recipe.

    Args:
        recipe: names the distance and the test rule.
        splits: the dataset and its protocol.
        query: features of the queries.
        gallery: features of the gallery.
        two_blocks: also score VPReID's second block, on the same gallery.

    Returns:
        The rankings by block: "ori"; "re" with ``two_blocks``; "re-ranked" if the recipe is re-ranked.
    """
    details = {"frames": f"{recipe.num_frames} {recipe.test_sampling}"}
    common: dict[str, Any] = {"distance": recipe.distance, "dataset": splits.name, "details": details}
    rankings = {"ori": evaluate_features(query, gallery, protocol=splits.protocol, **common)}
    if two_blocks:  # published: on the same gallery as the first block
        in_gallery = get_protocol(splits.protocol).queries_in_gallery
        camera_aware = replace(get_protocol("camera_aware"), queries_in_gallery=in_gallery)
        rankings["re"] = evaluate_features(query, gallery, protocol=camera_aware, **common)
    if recipe.reranked:
        exponent = 1.0 if recipe.distance == "squared_euclidean" else 2.0
        refiner = KReciprocal(metric=recipe.distance, exponent=exponent)
        rankings["re-ranked"] = evaluate_features(
            query, gallery, protocol=splits.protocol, refiners=[refiner], **common
        )
    return rankings


def published_lines(recipe: Recipe, dataset: str, rankings: Mapping[str, Ranking]) -> list[str]:
    """Return lines with the scores of a run and the published scores.

    Args:
        recipe: whose published scores are shown.
        dataset: registered name of the dataset.
        rankings: by block.
    """
    lines = []
    for block, ranking in rankings.items():
        lines.append(
            f"{block:9} mAP {ranking.mean_average_precision:6.1%}  Rank-1 {ranking.rank(1):6.1%}  "
            f"Rank-5 {ranking.rank(5):6.1%}  Rank-10 {ranking.rank(10):6.1%}"
        )
        lines.append(f"          {ranking.protocol_line}")
    scores = recipe.scores_on(dataset)
    return [*lines, *(describe_score(score) for score in scores)]


def describe_score(score: PublishedScore) -> str:
    """Return a published score as one line."""
    split = "" if score.split_id is None else f", split {score.split_id}"
    mean_ap = "" if score.mAP is None else f"mAP {score.mAP} %  "
    rank1 = "" if score.rank1 is None else f"Rank-1 {score.rank1} %"
    remark = f" ({score.remark})" if score.remark else ""
    return f"published {score.block}: {mean_ap}{rank1} on {score.dataset}{split}, {score.place}{remark}"
