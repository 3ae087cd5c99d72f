"""Search the hyper-parameters of the video bag of tricks with Optuna (needs the extra [tune]).

Hyper-parameters: those searched, with their bounds, are `videoreid.engine.BAG_OF_TRICKS_SPACE` ("published" draws the
    weight decay linearly); each trial trains 121 epochs, batch 32 (8 people x 4 clips x 4 frames), Adam 3.5e-4, linear
    warm-up over 10 epochs, milestones 40 and 70, no erasing, OSM + CAA on class centres; 60 trials.
Command: python examples/search_bag_of_tricks.py --root /data --objective map
Published: the constants in train_bag_of_tricks.py, of which weight decay and beta were set by hand afterwards.

Trials are compared on people held out of the training set, the same ones in all of them. The same command resumes; the
best trial is trained again at the end, on everybody, and scored on the test set once.
"""

from pathlib import Path

import torch
from recipe import backbone_of, open_dataset, parse, size_of

from videoreid.data import build_transform, eval_loader, train_loader
from videoreid.engine import Engine, TrainSettings
from videoreid.losses import BagOfTricksCriterion
from videoreid.metrics import KReciprocal
from videoreid.models import build_model
from videoreid.optim import build_center_optimizer, build_lr_scheduler, build_optimizer
from videoreid.tuning import (
    BAG_OF_TRICKS_SPACE,
    draw_study,
    hold_out_identities,
    pruning_callback,
    run_search,
    suggest,
)

LEARNING_RATE, MILESTONES, WARMUP_EPOCHS = 3.5e-4, [40, 70], 10
DISTANCE = "squared_euclidean"


def build(numbers, splits, args):
    """Return the engine and the loaders of one trial."""
    size = (args.height, args.width)
    torch.manual_seed(args.seed)
    model = build_model(
        "resnet50_ta_bot", splits.num_train_pids, pretrained=bool(args.pretrained),
        **backbone_of(args), **size_of(args, (224, 112)),
    )  # fmt: skip
    osm = {name: numbers[name] for name in ("sigma", "alpha", "l")}
    criterion = BagOfTricksCriterion(
        splits.num_train_pids, model.embedding_dim, margin=numbers["margin"], beta=numbers["beta"], osm=osm
    )
    optimizer = build_optimizer(model, "adam", LEARNING_RATE, weight_decay=numbers["weight_decay"])
    scheduler = build_lr_scheduler(
        optimizer, "multi_step", MILESTONES, numbers["gamma"], warmup="linear", warmup_epochs=WARMUP_EPOCHS
    )
    metric = "objective"
    settings = TrainSettings(validate_every=args.validate_every, metric=metric, precision=args.precision)
    optimizers = [optimizer, build_center_optimizer(criterion.parameters())]
    engine = Engine(model, criterion, optimizers, scheduler, settings=settings)
    loader = train_loader(
        splits.train, batch_size=args.batch_size, num_frames=args.frames, instances=args.instances,
        sampling="tricks_random", transform=build_transform("jg", size, train=True), workers=args.workers,
        seed=args.seed,
    )  # fmt: skip
    tests = [
        eval_loader(
            part, batch_size=args.batch_size, num_frames=args.frames, sampling="tricks_dense",
            transform=build_transform("jg", size, train=False), workers=args.workers,
        )
        for part in (splits.query, splits.gallery)
    ]  # fmt: skip
    return engine, loader, tests


def train(numbers, splits, args, callbacks=(), output_dir=None):
    """Train with these numbers and return the engine and what it scores at the end."""
    engine, loader, tests = build(numbers, splits, args)
    refiners = [KReciprocal(metric=DISTANCE)] if args.objective == "rerank_map" else []

    def validate():
        ranking = engine.evaluate(
            *tests, protocol=splits.protocol, distance=DISTANCE, refiners=refiners, dataset=splits.name
        )
        print(ranking.protocol_line)
        return {"objective": ranking.mean_average_precision, "rank1": ranking.rank(1)}

    history = engine.fit(
        loader, args.epochs, validate=validate, callbacks=callbacks, output_dir=output_dir,
        resume=None if output_dir is None else "auto", max_steps=args.max_steps,
    )  # fmt: skip
    return history[-1]


def main():
    args = parse(
        __doc__, epochs=121, height=224, width=112, trials=60, space=("log", "published"),
        objective=("map", "rerank_map"), held_out=("random", "intelligent"), output=Path("search"),
    )  # fmt: skip
    splits = open_dataset(args)
    validation = hold_out_identities(splits.train, choice=args.held_out, seed=args.seed)  # once a study

    def objective(trial):
        numbers = suggest(trial, BAG_OF_TRICKS_SPACE[args.space])
        return train(numbers, validation, args, [pruning_callback(trial, "objective")])["objective"]

    study = run_search(objective, args.trials, storage=args.output / "study.db", seed=args.seed)
    draw_study(study, args.output / "study.png")
    print(f"best of {len(study.trials)} trials: {study.best_value:.4f} with {study.best_params}")
    folder = args.output / f"best_trial_{study.best_trial.number}"  # resumes, but never from another trial
    args.validate_every = args.epochs  # the test set chooses nothing
    final = train(study.best_params, splits, args, output_dir=folder)
    print(
        f"trained again on everybody, on the test set: mAP {final['objective']:.1%}, Rank-1 {final['rank1']:.1%}"
    )


if __name__ == "__main__":
    main()
