"""CLIP-ReID: CLIP's image encoder, first a text for each identity, then the encoder against the texts.

Hyper-parameters, stage 1 (texts): Adam 3.5e-4, weight decay 1e-4, batch 64, 120 epochs, cosine to 1e-6 with a linear
    warm-up from 1e-5 over 5 epochs; image features once, without augmentation.
    Stage 2 (ViT-B/16): batch 64 (16 people x 4 clips of 1 frame), Adam 5e-6, weight decay 1e-4, biases at twice the
    rate, 60 epochs, x 0.1 at 30 and 50, linear warm-up from 0.1 over 10; 0.25 x cross-entropies (smoothing 0.1) +
    triplets (margin 0.3) on three levels + image to text; mirror, pad 10 and crop, erasing 0.5; mean and deviation 0.5.
    --frames 8 trains on clips whose frames are separate images: the baseline of TF-CLIP.
Command: python examples/train_clipreid.py --dataset market1501 --root /data --archive ViT-B-16.pt
Published: Market-1501 mAP 89.6, Rank-1 95.5; as the mean over a tracklet MARS 88.1, 91.7, LS-VID 80.6, 88.8.
Differs from the published: frames are resized bilinearly in training (published: bicubic), and the erased block takes
    the mean colour (published: random pixels).
"""

from pathlib import Path

import torch
from recipe import open_dataset, open_test, parse, size_of, train

from videoreid.engine import PromptEngine, TrainSettings, projected_features, prompt_loader
from videoreid.losses import CLIPReIDCriterion
from videoreid.models import build_model
from videoreid.models.clip_text import identity_texts
from videoreid.optim import build_lr_scheduler, build_optimizer

TEXT_RATE, TEXT_DECAY, TEXT_BATCH, TEXT_WARMUP = 3.5e-4, 1e-4, 64, 5
LEARNING_RATE, WEIGHT_DECAY, MILESTONES, WARMUP_EPOCHS = 5e-6, 1e-4, [30, 50], 10
READING = {"preset": "strong", "sampling": "restricted", "test_sampling": "rrs_first"}


def learn_texts(args, splits, model):
    """Return one text feature for each identity, the first stage."""
    texts = identity_texts(splits.num_train_pids, args.archive if str(args.archive) != "none" else None)
    features = projected_features(model, open_test(args, splits.train, READING))
    optimizer = torch.optim.Adam([texts.prompts], TEXT_RATE, weight_decay=TEXT_DECAY)
    scheduler = build_lr_scheduler(
        optimizer, "cosine_floor", gamma=1e-6 / TEXT_RATE, max_epoch=args.text_epochs, warmup="linear",
        warmup_epochs=TEXT_WARMUP, warmup_factor=1e-5 / TEXT_RATE, first_epoch=1,
    )  # fmt: skip
    settings = TrainSettings(precision=args.precision)
    engine = PromptEngine(texts, features, optimizer, scheduler=scheduler, settings=settings)
    engine.fit(
        prompt_loader(features, TEXT_BATCH, seed=args.seed),
        args.text_epochs,
        output_dir=args.output / "texts",
        resume="auto",
        max_steps=args.max_steps,
    )
    return texts.all_features().cpu()


if __name__ == "__main__":
    args = parse(
        __doc__, dataset="market1501", epochs=60, batch_size=64, frames=1, precision="bfloat16", backbone="vit_b_16",
        stride=16, text_epochs=120, archive=Path("none"),
    )  # fmt: skip
    splits = open_dataset(args)
    model = build_model(
        "clipreid_vit_b16",
        splits.num_train_pids,
        pretrained=(args.archive if str(args.archive) != "none" else True) if args.pretrained else False,
        backbone=args.backbone,
        stride=args.stride,
        **size_of(args, (256, 128)),
    )
    criterion = CLIPReIDCriterion(learn_texts(args, splits, model))
    optimizer = build_optimizer(
        model, "adam", LEARNING_RATE, weight_decay=WEIGHT_DECAY, multipliers={r"bias$": 2.0}
    )
    scheduler = build_lr_scheduler(
        optimizer, "multi_step", MILESTONES, 0.1, warmup="linear", warmup_epochs=WARMUP_EPOCHS, warmup_factor=0.1,
        first_epoch=1,
    )  # fmt: skip
    train(args, splits, model, criterion, optimizer, scheduler, reading=READING)
