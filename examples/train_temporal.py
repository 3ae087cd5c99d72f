"""Temporal pooling, attention, RNN and 3-D convolutions with ResNet-50.

Hyper-parameters: batch 32 (8 people x 4 clips x 4 consecutive frames), 224x112, Adam 3e-4 (RNN, 3-D 1e-4), weight
    decay 5e-4, x 0.1 every 200 of 800 epochs; cross-entropy (smoothing 0.1) + batch-hard triplet (Euclidean,
    margin 0.3).
Command: python examples/train_temporal.py --model resnet50_tp --root /data
Published: MARS, queries not in the gallery, no re-ranking, mAP | Rank-1: pooling 75.8 | 83.1, attention 76.7 |
    83.3, RNN 73.9 | 81.6, 3-D 70.5 | 78.5 from Kinetics weights, here from inflated ImageNet ones (image baseline
    74.1 | 81.3).
"""

from recipe import backbone_of, open_dataset, parse, size_of, train

from videoreid.losses import TripletCriterion
from videoreid.models import build_model
from videoreid.optim import build_lr_scheduler, build_optimizer

RATES = {"resnet50_tp": 3e-4, "resnet50_ta": 3e-4, "resnet50_rnn": 1e-4, "resnet50_3d": 1e-4}
MARGIN, WEIGHT_DECAY, STEP, GAMMA = 0.3, 5e-4, 200, 0.1
READING = {
    "preset": "jg", "sampling": "jg_random", "test_sampling": "jg_dense", "grouping": "jg",
    "distance": "squared_euclidean",
}  # fmt: skip

if __name__ == "__main__":
    args = parse(__doc__, model=tuple(RATES), epochs=800, height=224, width=112, validate_every=50)
    splits = open_dataset(args)
    if args.dataset == "mars":
        splits = splits.with_protocol("mars_torchreid")  # the gallery of the published figures
    options = size_of(args, (224, 112)) if args.model == "resnet50_ta" else {}
    model = build_model(
        args.model, splits.num_train_pids, pretrained=bool(args.pretrained), **backbone_of(args), **options
    )
    criterion = TripletCriterion(MARGIN, label_smoothing=0.1)
    optimizer = build_optimizer(model, "adam", RATES[args.model], weight_decay=WEIGHT_DECAY)
    scheduler = build_lr_scheduler(optimizer, "single_step", STEP, GAMMA)
    train(args, splits, model, criterion, optimizer, scheduler, reading=READING)
