"""PSTA: pyramid spatial-temporal aggregation.

Hyper-parameters: batch 32 (8 people x 4 clips x 8 frames), 256x128, Adam 3.5e-4, weight decay 5e-4, linear
    warm-up from 0.01 over 10 epochs, x 0.3 at epochs 70, 140, 210, 310, 410, 500 epochs; cross-entropy
    (smoothing 0.1) + batch-hard triplet (cosine, margin 0.3), each averaged over the three steps.
Command: python examples/train_psta.py --root /data
Published: MARS Rank-1 91.5, mAP 85.8 (one clip of 8 frames); DukeMTMC-VideoReID Rank-1 98.3, mAP 97.7.
"""

from recipe import backbone_of, open_dataset, parse, size_of, train

from videoreid.losses import TripletCriterion
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer

MARGIN, LEARNING_RATE, WEIGHT_DECAY = 0.3, 3.5e-4, 5e-4
MILESTONES, GAMMA, WARMUP_EPOCHS = [70, 140, 210, 310, 410], 0.3, 10
READING = {
    "preset": "psta",
    "sampling": "random_interval",
    "test_sampling": "begin_interval",
    "grouping": "psta",
}

if __name__ == "__main__":
    args = parse(__doc__, epochs=500, frames=8, seed=999)
    splits = open_dataset(args)
    model = build_model(
        "psta",
        splits.num_train_pids,
        pretrained=bool(args.pretrained),
        **backbone_of(args),
        **size_of(args, (256, 128)),
    )
    criterion = TripletCriterion(MARGIN, distance="cosine", label_smoothing=0.1, heads="mean")
    optimizer = build_optimizer(model, "adam", LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    scheduler = build_lr_scheduler(
        optimizer, "multi_step", MILESTONES, GAMMA, warmup="linear", warmup_epochs=WARMUP_EPOCHS
    )
    train(args, splits, model, criterion, optimizer, scheduler, reading=READING)
