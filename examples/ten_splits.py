"""Train and score on all ten splits of PRID 2011 (or iLIDS-VID): python examples/ten_splits.py /data."""

import argparse

from videoreid.data import build_transform, eval_loader, train_loader
from videoreid.data.datasets import ten_splits
from videoreid.engine import Engine
from videoreid.losses import SoftmaxCriterion
from videoreid.models import build_model
from videoreid.optim import build_optimizer
from videoreid.types import Splits
from videoreid.utils import seed_everything

DATASET = "prid2011"
SPLITS = 10
MODEL = "osnet_x0_25"
PRETRAINED = False
SIZE = (256, 128)
FRAMES = 8
EPOCHS = 60
BATCH, INSTANCES = 16, 2
LEARNING_RATE = 1e-3
WORKERS = 2
SEED = 0


def evaluate(splits: Splits) -> dict[str, float | int | str]:
    """Train on one split and return its scores; all splits use the same seed."""
    seed_everything(SEED)
    augment, plain = (build_transform("basic", SIZE, train=train) for train in (True, False))
    model = build_model(MODEL, num_classes=splits.num_train_pids, pretrained=PRETRAINED)
    engine = Engine(model, SoftmaxCriterion(), build_optimizer(model, "adam", lr=LEARNING_RATE))
    loader = train_loader(
        splits.train,
        batch_size=BATCH,
        num_frames=FRAMES,
        instances=INSTANCES,
        transform=augment,
        workers=WORKERS,
        seed=SEED,
    )
    engine.fit(loader, epochs=EPOCHS)
    query, gallery = (
        eval_loader(part, num_frames=FRAMES, transform=plain, workers=WORKERS)
        for part in (splits.query, splits.gallery)
    )
    return engine.evaluate(query, gallery, protocol=splits.protocol, dataset=splits.name).summary()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", help="folder of the dataset, or its parent")
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--batch", type=int, default=BATCH)
    args = parser.parse_args()
    EPOCHS, BATCH = args.epochs, args.batch
    result = ten_splits(DATASET, args.root, evaluate, num_splits=args.splits)
    print(result)
    print(result.lines[0]["protocol"])
