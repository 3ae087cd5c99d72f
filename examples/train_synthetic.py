"""Train a network from scratch on the synthetic world and score it on people that were not trained on.

This is `videoreid demo` as a script; it downloads nothing.
"""

from videoreid.data import ClipTransform, build_transform, eval_loader, train_loader
from videoreid.data.colour_histogram import histogram_features
from videoreid.data.datasets import build_dataset
from videoreid.data.transforms import HorizontalFlip, PadCrop, Resize
from videoreid.engine import Engine, TrainSettings
from videoreid.losses import SoftmaxCriterion
from videoreid.metrics import evaluate_features
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer
from videoreid.utils import seed_everything

SEED = 0
IDENTITIES = 250
MODEL = "osnet_x0_25"
SIZE = (128, 64)
EPOCHS = 18
BATCH_SIZE, INSTANCES = 32, 2
LEARNING_RATE = 3e-3
ROOT = "worlds"  # folder of the synthetic dataset, which is drawn once


def main():
    seed_everything(SEED)
    splits = build_dataset("synthetic", ROOT, identities=IDENTITIES, seed=SEED)
    loader = train_loader(
        splits.train,
        batch_size=BATCH_SIZE,
        num_frames=1,
        instances=INSTANCES,
        sampling="random",
        transform=ClipTransform([Resize(SIZE), HorizontalFlip(), PadCrop(6)]),
        seed=SEED,
    )
    plain = build_transform("basic", SIZE, train=False)
    query, gallery = (
        eval_loader(part, num_frames=4, transform=plain) for part in (splits.query, splits.gallery)
    )

    model = build_model(MODEL, num_classes=splits.num_train_pids)
    optimizer = build_optimizer(model, "adamw", LEARNING_RATE, weight_decay=5e-4)
    steps = EPOCHS * len(loader)
    schedule = build_lr_scheduler(
        optimizer, "cosine", max_epoch=steps, warmup="linear", warmup_epochs=max(1, steps // 8)
    )
    settings = TrainSettings(schedule="step", clip_norm=5.0)
    engine = Engine(model, SoftmaxCriterion(), optimizer, schedule, settings=settings)

    colours = [histogram_features(part) for part in (splits.query, splits.gallery)]
    report(
        "colours",
        evaluate_features(*colours, protocol=splits.protocol, distance="euclidean", dataset=splits.name),
    )
    report("before", engine.evaluate(query, gallery, protocol=splits.protocol, dataset=splits.name))
    engine.fit(loader, EPOCHS)
    report("after", engine.evaluate(query, gallery, protocol=splits.protocol, dataset=splits.name))


def report(when, ranking):
    print(
        f"{when}: mAP {ranking.mean_average_precision:.3f}, Rank-1 {ranking.rank(1):.3f}\n  {ranking.protocol_line}"
    )


if __name__ == "__main__":
    main()
