"""Train AP3D and its relatives, SINet and its parts, TCLNet or BiCnet-TKS: networks on one 3-D ResNet.

Hyper-parameters: 256x128, cosine triplet and cross-entropy without smoothing, ImageNet weights.
    AP3D (block c2d, i3d, p3da, p3db, p3dc, api3d, app3da, app3db, app3dc): batch 32 = 8 people x 4 clips of 4 frames,
    Adam 3e-4, weight decay 5e-4, x 0.1 at epochs 60, 120, 180 of 240, margin 0.3, flip.
    SINet, SBNet, IDNet, SANet: the same with x 0.1 at 40, 80, 120 of 160, and erasing; SINet and SBNet also with frame
    InfoNCE (0.001).
    BiCnet-TKS: batch 64 = 16 x 4 clips of 8 frames that are 4 apart, Adam 3.5e-4, x 0.1 at 40, 80, 120 of 150,
    margin 0.5, divergence (0.01), erasing.
    TCLNet: margin 0.4. Its other numbers are not known to us; those of SINet are used, with the frames of AP3D.
Command: python examples/train_clip_resnet.py --model sinet --root /data
Published: MARS, Rank-1 | mAP: AP3D 90.1 | 85.1, SBNet 90.7 | 85.6, IDNet 90.4 | 85.9, SINet 90.9 | 86.3, SANet 91.2 |
    86.7, TCLNet 89.8 | 85.1, BiCnet-TKS 90.2 | 86.0. AP3D and SINet were scored on every frame of a tracklet; this
    script scores one clip (evaluate_clips.py scores every frame).
Differs from the published: P x K batches are drawn by the sampler "permutation"; erasing draws one block per clip
    (SINet: a new size for every frame) and fills it with 0.485, 0.456, 0.406 (SINet: 0.4914, 0.4822, 0.4465); networks
    with erasing are tested on frames that are resized bilinearly (SINet: bicubic).
"""

from functools import partial

from recipe import backbone_of, open_dataset, parse, size_of, train

from videoreid.data.sampling.training import random_crop
from videoreid.losses import (
    Criterion,
    CrossEntropyLoss,
    DivergenceTerm,
    FeatureTerm,
    FrameInfoNCETerm,
    LogitTerm,
    TripletLoss,
)
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer

SINETS = ("sinet", "sbnet", "idnet", "sanet")
MARGINS = {"bicnet_tks": 0.5, "tclnet": 0.4}
MILESTONES = {"ap3d_resnet50": [60, 120, 180]}
EPOCHS = {"ap3d_resnet50": 240, "bicnet_tks": 150}
FRAMES = {"bicnet_tks": 8}
STRIDES = {"bicnet_tks": 4}
BATCH_SIZES = {"bicnet_tks": 64}
LEARNING_RATES = {"bicnet_tks": 3.5e-4}
WEIGHT_DECAY = 5e-4


def criterion_of(name: str, instances: int) -> Criterion:
    """Return the published sum of losses of a network."""
    terms = {
        "softmax": (LogitTerm(CrossEntropyLoss(0.0), heads="sum"), 1.0),
        "triplet": (FeatureTerm(TripletLoss(MARGINS.get(name, 0.3), "cosine"), heads="sum"), 1.0),
    }
    if name in ("sinet", "sbnet"):
        terms["frames"] = (FrameInfoNCETerm(instances=instances), 0.001)
    if name == "bicnet_tks":
        terms["apart"] = (DivergenceTerm(), 0.01)
    return Criterion(terms)


if __name__ == "__main__":
    args = parse(
        __doc__,
        model=("ap3d_resnet50", *SINETS, "tclnet", "bicnet_tks"),
        block="app3dc",
        nonlocal_blocks=0,
        gradient_checkpointing=0,
        batch_size=0,
        epochs=0,
        frames=0,
    )
    splits = open_dataset(args)
    is_ap3d, is_bicnet = args.model == "ap3d_resnet50", args.model == "bicnet_tks"
    args.batch_size = args.batch_size or BATCH_SIZES.get(args.model, 32)
    args.frames = args.frames or FRAMES.get(args.model, 4)
    args.epochs = args.epochs or EPOCHS.get(args.model, 160)
    options = {"block": args.block, "nonlocal_blocks": bool(args.nonlocal_blocks)} if is_ap3d else {}
    model = build_model(
        args.model,
        splits.num_train_pids,
        pretrained=bool(args.pretrained),
        gradient_checkpointing=bool(args.gradient_checkpointing),
        **({} if is_ap3d else {"clip_length": args.frames}),
        **options,
        **backbone_of(args),
        **size_of(args, (256, 128)),
    )
    learning_rate = LEARNING_RATES.get(args.model, 3e-4)
    optimizer = build_optimizer(model, "adam", learning_rate, weight_decay=WEIGHT_DECAY)
    scheduler = build_lr_scheduler(optimizer, "multi_step", MILESTONES.get(args.model, [40, 80, 120]), 0.1)
    strided = partial(random_crop, stride=STRIDES.get(args.model, 8))
    reading = {
        "preset": "ame" if is_ap3d else "psta",
        "sampling": "intelligent" if args.model in SINETS else strided,
        "test_sampling": "begin_narrow" if is_bicnet else "evenly" if args.model in SINETS else "begin_crop",
    }
    train(
        args, splits, model, criterion_of(args.model, args.instances), optimizer, scheduler, reading=reading
    )
