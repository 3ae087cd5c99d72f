"""Search the hyper-parameters of the video bag of tricks with Optuna (needs the extra [tune]).

A trial trains the recipe ``tricks_search``: 121 epochs, OSM + CAA on class centres, the transforms of the tricks
without erasing, validation clips from a random first frame. Some defaults are ours; the published choices are options:
``--space published`` draws the weight decay linearly, ``--held-out intelligent`` uses the published list of MARS
identities (``most_cameras`` is our rule for the same purpose), ``--set sampling=tricks_random_published`` draws the
published frames. The objective is mAP on MARS (``--objective rerank_map``: after re-ranking) and Rank-1 elsewhere.

    python examples/search_bag_of_tricks.py --root /data

All trials are compared on the same people held out of the training set. The same command resumes; at the end the best
trial is trained again on all training identities, and scored once on the test set by the rules of ``tricks_centers``.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from videoreid.recipes import (
    RunOptions,
    build_engine,
    build_network,
    extract_recipe,
    get_recipe,
    open_dataset,
    open_training,
    override,
    parse_settings,
    score_features,
    train_recipe,
)
from videoreid.tuning import (
    BAG_OF_TRICKS_SPACE,
    draw_study,
    hold_out_identities,
    pruning_callback,
    run_search,
    suggest,
)
from videoreid.utils import seed_everything, setup_logging

NAMES = {"sigma": "osm_sigma", "alpha": "osm_alpha", "l": "osm_l"}  # names in the space: names in the recipe


def with_numbers(recipe, numbers):
    """Return the recipe with the numbers of a trial."""
    return override(recipe, {NAMES.get(name, name): value for name, value in numbers.items()})


def try_numbers(recipe, validation, objective, args, trial):
    """Train one trial on the remaining people and return its objective on the held-out people."""
    seed_everything(recipe.seed)
    classes = validation.num_train_pids
    engine = build_engine(recipe, build_network(recipe, classes), classes, metric="objective")

    def validate():
        query, gallery = extract_recipe(recipe, engine.scored_model, validation, workers=args.workers)
        rankings = score_features(recipe, validation, query, gallery)
        if objective == "rank1":
            return {"objective": rankings["ori"].rank(1)}
        block = "re-ranked" if objective == "rerank_map" else "ori"
        print(rankings[block].protocol_line)
        return {"objective": rankings[block].mean_average_precision}

    loader = open_training(recipe, validation.train, workers=args.workers)
    callbacks = [pruning_callback(trial, "objective")]
    history = engine.fit(
        loader, recipe.epochs, validate=validate, callbacks=callbacks, max_steps=args.max_steps
    )
    return history[-1]["objective"]


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path)
    parser.add_argument("--dataset", default="mars")
    parser.add_argument("--output", type=Path, default=Path("search"))
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--space", choices=("log", "published"), default="log")
    parser.add_argument(
        "--objective", choices=("map", "rerank_map", "rank1"), help="default: map on MARS, else rank1"
    )
    parser.add_argument("--held-out", choices=("random", "most_cameras", "intelligent"), default="random")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of the recipe"
    )
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def main():
    args = parse()
    setup_logging()
    settings = parse_settings(args.set)
    objective = args.objective or ("map" if args.dataset == "mars" else "rank1")
    recipe = override(get_recipe("tricks_search").on(args.dataset), settings)
    recipe = replace(recipe, reranked=objective == "rerank_map")
    splits = open_dataset(recipe, args.dataset, args.root)
    validation = hold_out_identities(splits.train, choice=args.held_out, seed=recipe.seed)  # once per study

    def run_trial(trial):
        numbers = suggest(trial, BAG_OF_TRICKS_SPACE[args.space])
        return try_numbers(with_numbers(recipe, numbers), validation, objective, args, trial)

    study = run_search(run_trial, args.trials, storage=args.output / "study.db", seed=recipe.seed)
    draw_study(study, args.output / "study.png")
    print(f"best of {len(study.trials)} trials: {study.best_value:.4f} with {study.best_params}")
    folder = args.output / f"best_trial_{study.best_trial.number}"  # resumes, but never from another trial
    final = with_numbers(override(get_recipe("tricks_centers").on(args.dataset), settings), study.best_params)
    final = replace(final, epochs=recipe.epochs, augmentation=recipe.augmentation)
    options = RunOptions(
        output_dir=folder, resume=True, workers=args.workers, max_steps=args.max_steps, validate=False
    )  # the test set must not choose a checkpoint
    ranking = train_recipe(final, splits, options)["ori"]
    print(
        f"trained again on all identities, on the test set: mAP {ranking.mean_average_precision:.1%}, "
        f"Rank-1 {ranking.rank(1):.1%}\n{ranking.protocol_line}"
    )


if __name__ == "__main__":
    main()
