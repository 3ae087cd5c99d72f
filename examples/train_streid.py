"""st-ReID's visual stream: PCB with six stripes.

Hyper-parameters: batch 32 in random order, 384x192, mirrored and erased; SGD 0.9 with Nesterov, weight decay
    5e-4, 0.1 for the six heads and 0.01 for the trunk, x 0.1 at epoch 40 of 60; sum of six cross-entropies, no
    smoothing.
Command: python examples/train_streid.py --root /data --dataset market1501
Published: Market-1501 Rank-1 91.2 by appearance alone; 98.1 (mAP 87.6) together with the spatial-temporal
    metric.
"""

from recipe import backbone_of, open_dataset, parse, train

from videoreid.losses import SoftmaxCriterion
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer

LEARNING_RATE, TRUNK_SHARE, WEIGHT_DECAY, STEP = 0.1, 0.1, 5e-4, 40
READING = {"preset": "strong", "sampling": "evenly", "test_sampling": "evenly", "grouping": "replacement"}

if __name__ == "__main__":
    args = parse(__doc__, dataset="market1501", epochs=60, frames=1, height=384, width=192, instances=1)
    splits = open_dataset(args)
    model = build_model(
        "pcb_streid",
        splits.num_train_pids,
        pretrained=bool(args.pretrained),
        mirror=True,
        **backbone_of(args),
    )
    optimizer = build_optimizer(
        model, "sgd", LEARNING_RATE, weight_decay=WEIGHT_DECAY, nesterov=True,
        staged_lr=True, new_layers="heads", base_lr_mult=TRUNK_SHARE,
    )  # fmt: skip
    scheduler = build_lr_scheduler(optimizer, "single_step", STEP)
    train(args, splits, model, SoftmaxCriterion(0.0, heads="sum"), optimizer, scheduler, reading=READING)
