"""TransReID: a vision transformer with camera embedding and jigsaw patches.

Hyper-parameters: batch 64 (16 people x 4 clips of 1 frame), 256x128, SGD 0.008 (momentum 0.9, weight decay 1e-4, biases
    at twice the rate), 120 epochs, cosine to 0.002 of the rate with a linear warm-up from 0.01 over 5 epochs inside it;
    cross-entropy without smoothing + soft-margin triplet, half for the global head, half for the local ones; mirror,
    pad 10 and crop, erasing 0.5; mean and standard deviation 0.5. --frames 8 (clips) is not published.
Command: python examples/train_transreid.py --dataset market1501 --root /data --jpm 1 --stride 12 --cameras 1
Published: stride 12 + JPM + SIE: Market-1501 mAP 89.0, Rank-1 95.1; DukeMTMC-reID 82.2, 90.7 (images, cross camera).
"""

from recipe import open_dataset, parse, size_of, train

from videoreid.losses import TransReIDCriterion
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer

LEARNING_RATE, WEIGHT_DECAY, FLOOR, WARMUP_EPOCHS = 0.008, 1e-4, 0.002, 5
READING = {"preset": "strong", "sampling": "restricted", "test_sampling": "rrs_first"}

if __name__ == "__main__":
    args = parse(
        __doc__, dataset="market1501", epochs=120, batch_size=64, frames=1, seed=1234, precision="bfloat16",
        backbone="vit_b_16", jpm=1, cameras=1, stride=12, drop_path=0.1,
    )  # fmt: skip
    splits = open_dataset(args)
    model = build_model(
        "transreid_vit_b16",
        splits.num_train_pids,
        pretrained=bool(args.pretrained),
        backbone=args.backbone,
        jpm=bool(args.jpm),
        num_cameras=max(t.camid for t in splits.train) + 1 if args.cameras else 0,
        stride=args.stride,
        drop_path=args.drop_path,
        **size_of(args, (256, 128)),
    )
    optimizer = build_optimizer(
        model, "sgd", LEARNING_RATE, weight_decay=WEIGHT_DECAY, multipliers={r"bias$": 2.0}
    )
    scheduler = build_lr_scheduler(
        optimizer, "cosine_floor", gamma=FLOOR, max_epoch=args.epochs, warmup="linear",
        warmup_epochs=WARMUP_EPOCHS, warmup_factor=0.01, first_epoch=1,
    )  # fmt: skip
    train(args, splits, model, TransReIDCriterion(), optimizer, scheduler, reading=READING)
