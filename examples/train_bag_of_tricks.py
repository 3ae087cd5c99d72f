"""The video bag of tricks in its published stages.

Hyper-parameters: batch 32 (8 people x 4 clips x 4 consecutive frames), 224x112, Adam 3.5e-4, linear warm-up
    from 0.01 over 10 epochs, x gamma at epochs 40 and 70, 400 epochs; cross-entropy (smoothing 0.1), batch-hard
    triplet (cosine), centre loss 5e-4 with its own SGD 0.5, OSM + CAA by stage. The MARS and PRID constants are
    below.
Command: python examples/train_bag_of_tricks.py --stage attention --root /data
Published: MARS, queries not in the gallery, mAP | Rank-1: baseline 76.7 | 83.3, bot 81.3 | 87.1, osm 82.4 |
    87.9, centers 81.2 | 86.3, attention 82.9 | 88.6. PRID2011, split 0: Rank-1 93.1.
"""

import torch
from recipe import backbone_of, open_dataset, parse, size_of, train

from videoreid.engine import Engine
from videoreid.functional import normalise_frames
from videoreid.losses import BagOfTricksCriterion
from videoreid.models import build_model
from videoreid.optim import build_center_optimizer, build_lr_scheduler, build_optimizer

STAGES = ("attention", "centers", "osm", "bot", "baseline")
MARS = {
    "osm": {"sigma": 0.9047814732165316, "alpha": 2.8436551583293728, "l": 0.5873389293193368},
    "margin": 4.4132437486402204e-05, "beta": 1.0, "gamma": 0.3282654557691594, "weight_decay": 0.0005,
}  # fmt: skip
PRID = {
    "osm": {"sigma": 0.8769823511927456, "alpha": 1.5747007053351507, "l": 0.5241677630566622},
    "margin": 0.040520629258433416, "beta": 0.7103921571238655, "gamma": 0.368667605025003,
    "weight_decay": 0.014055481861393148,
}  # fmt: skip
LEARNING_RATE, MILESTONES, WARMUP_EPOCHS = 3.5e-4, [40, 70], 10
READING = {
    "preset": "tricks", "sampling": "tricks_random", "test_sampling": "tricks_dense", "distance": "squared_euclidean",
}  # fmt: skip


def erase(frames: torch.Tensor, share: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """Erase a rectangle in some frames ``(B, T, 3, H, W)``; return them and the mask ``(B, T)`` of those erased."""
    frames, (height, width) = frames.clone(), frames.shape[-2:]
    erased = torch.rand(frames.shape[:2]) < share
    fill = torch.tensor([0.485, 0.456, 0.406], device=frames.device).view(
        3, 1, 1
    )  # after normalising, as published
    for clip, frame in erased.nonzero().tolist():
        for _ in range(100):
            area = height * width * float(torch.empty(()).uniform_(0.02, 0.4))
            ratio = float(torch.empty(()).uniform_(0.3, 1 / 0.3))
            h, w = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if 0 < h < height and 0 < w < width:
                top, left = int(torch.randint(height - h, ())), int(torch.randint(width - w, ()))
                frames[clip, frame, :, top : top + h, left : left + w] = fill
                break
        else:
            erased[clip, frame] = False
    return frames, erased.to(frames.device)


class AttentionEngine(Engine):
    """Erases frames on the device and tells the criterion which."""

    def step(self, clip):
        frames, erased = erase(normalise_frames(clip.frames, self.model.pixel_mean, self.model.pixel_std))
        output = self.forward(clip._replace(frames=frames))
        return self.losses(output._replace(extras={**output.extras, "erased": erased}), clip)


if __name__ == "__main__":
    args = parse(__doc__, stage=STAGES, constants=("mars", "prid"), epochs=400, height=224, width=112)
    constants = {"mars": MARS, "prid": PRID}[args.constants]
    splits = open_dataset(args)
    if args.dataset == "mars":
        splits = splits.with_protocol("mars_torchreid")  # the gallery of the published figures
    network = "resnet50_ta" if args.stage == "baseline" else "resnet50_ta_bot"
    model = build_model(
        network,
        splits.num_train_pids,
        pretrained=bool(args.pretrained),
        **backbone_of(args),
        **size_of(args, (224, 112)),
    )
    criterion = BagOfTricksCriterion(
        splits.num_train_pids,
        model.embedding_dim,
        margin=constants["margin"],
        beta=constants["beta"] if args.stage in ("osm", "centers", "attention") else None,
        osm=constants["osm"],
        classifier_weight=(lambda: model.classifier.weight) if args.stage == "osm" else None,
        frame_attention=args.stage == "attention",
    )
    optimizer = build_optimizer(model, "adam", LEARNING_RATE, weight_decay=constants["weight_decay"])
    scheduler = build_lr_scheduler(
        optimizer, "multi_step", MILESTONES, constants["gamma"], warmup="linear", warmup_epochs=WARMUP_EPOCHS
    )
    train(
        args, splits, model, criterion, [optimizer, build_center_optimizer(criterion.parameters())], scheduler,
        reading=READING if args.stage != "baseline" else {**READING, "preset": "jg"},
        engine_class=AttentionEngine if args.stage == "attention" else Engine,
    )  # fmt: skip
