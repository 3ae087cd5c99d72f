"""TF-CLIP: CLIP for video, with a memory for each identity instead of a text.

Hyper-parameters: batch 16 (4 people x 4 clips x 8 frames), 256x128, Adam 5e-6, weight decay 1e-4, the classifier of the
    frames at ten times the rate, other biases at twice, 80 epochs, x 0.1 at 30, 50 and 70, linear warm-up from 0.1 over
    10; 0.25 x three cross-entropies (smoothing 0.1) + three triplets (margin 0.3) + memory + frames / 8; one frame from
    each of 8 chunks; mirror once per clip, erase frame by frame; ImageNet mean and standard deviation; the memory is
    built from all consecutive clips before training.
Command: python examples/train_tfclip.py --root /data --archive ViT-B-16.pt
Published: MARS mAP 89.4, Rank-1 93.0; LS-VID 83.8, 90.4 (all consecutive clips of 8 frames, queries in the gallery).
Differs from the published: no random colours; an erased block covers 2 to 40 % of a frame (published: 2 to 20 %);
    LS-VID trains on whole tracklets (published: on pieces of 48 frames).
"""

from pathlib import Path

from recipe import open_dataset, open_test, parse, size_of, train

from videoreid.engine import build_clip_memory
from videoreid.losses import TFCLIPCriterion
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer

LEARNING_RATE, WEIGHT_DECAY, MILESTONES, WARMUP_EPOCHS = 5e-6, 1e-4, [30, 50, 70], 10
READING = {"preset": "base", "sampling": "restricted", "test_sampling": "dense"}

if __name__ == "__main__":
    args = parse(
        __doc__, epochs=80, batch_size=16, frames=8, precision="bfloat16", backbone="vit_b_16", cameras=1,
        archive=Path("none"),
    )  # fmt: skip
    splits = open_dataset(args)
    model = build_model(
        "tfclip_vit_b16",
        splits.num_train_pids,
        pretrained=(args.archive if str(args.archive) != "none" else True) if args.pretrained else False,
        backbone=args.backbone,
        num_cameras=max(t.camid for t in splits.train) + 1 if args.cameras else 0,
        **size_of(args, (256, 128)),
    )
    build_clip_memory(model, open_test(args, splits.train, READING))
    optimizer = build_optimizer(
        model,
        "adam",
        LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        multipliers={r"^classifier_tmd\.": 10.0, r"bias$": 2.0},
    )
    scheduler = build_lr_scheduler(
        optimizer,
        "multi_step",
        MILESTONES,
        0.1,
        warmup="linear",
        warmup_epochs=WARMUP_EPOCHS,
        warmup_factor=0.1,
    )
    train(args, splits, model, TFCLIPCriterion(args.frames), optimizer, scheduler, reading=READING)
