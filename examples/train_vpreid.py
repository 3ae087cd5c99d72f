"""VPReID: baseline, GCM and MRA.

Hyper-parameters: batch 32 (8 people x 4 clips x 4 frames), 256x128, Adam 3e-4, weight decay 5e-4, x 0.1 at
    epochs 40, 80, 120, 160, 200, 240 epochs; cross-entropy without smoothing + batch-hard triplet (cosine,
    margin 0.3), summed over the heads of GCM, averaged over those of MRA.
Command: python examples/train_vpreid.py --model gcm --root /data
Published: MARS, queries in the gallery, every frame: GCM Rank-1 90.2, mAP 85.4 (training log); MRA Rank-1 91.1,
    mAP 85.5 (README). MRA's code was never published: ours is a reading of its outline.
"""

from recipe import backbone_of, open_dataset, parse, train

from videoreid.losses import TripletCriterion
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer

MODELS = {"gcm_baseline": "sum", "gcm": "sum", "mra": "mean"}
MARGIN, LEARNING_RATE, WEIGHT_DECAY = 0.3, 3e-4, 5e-4
MILESTONES, GAMMA = [40, 80, 120, 160, 200], 0.1
READING = {
    "preset": "vpreid",
    "sampling": "random_crop",
    "test_sampling": "test_all_sampled",
    "grouping": "vpreid",
}

if __name__ == "__main__":
    args = parse(__doc__, model=tuple(MODELS), epochs=240, seed=626)
    splits = open_dataset(args)
    model = build_model(
        args.model, splits.num_train_pids, pretrained=bool(args.pretrained), **backbone_of(args)
    )
    criterion = TripletCriterion(MARGIN, distance="cosine", label_smoothing=0.0, heads=MODELS[args.model])
    optimizer = build_optimizer(model, "adam", LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    scheduler = build_lr_scheduler(optimizer, "multi_step", MILESTONES, GAMMA)
    train(args, splits, model, criterion, optimizer, scheduler, reading=READING)
