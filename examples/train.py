"""Train a network, evaluate it and draw its worst answers: a script to copy and change.

    python examples/train.py --dataset mars --root /data --model resnet50 --pretrained imagenet --epochs 60

Without arguments it trains a small network for three epochs on a synthetic dataset of 30 people, in about a minute.
"""

import argparse
from pathlib import Path

import videoreid as vr

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument(
    "--dataset", default="synthetic", help="name of the dataset; videoreid data layout prints all"
)
parser.add_argument("--root", type=Path, help="folder that holds the dataset")
parser.add_argument(
    "--model", default="osnet_x0_25", help="name of the network; videoreid models list prints all"
)
parser.add_argument("--pretrained", help="a tag of the weights table, an address or a file; default: random")
parser.add_argument("--size", type=int, nargs=2, default=(64, 32), metavar=("H", "W"))
parser.add_argument("--frames", type=int, default=4, help="frames per clip")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--lr", type=float, default=1e-3)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", type=Path, default=Path("run"), help="folder of checkpoints and pictures")
args = parser.parse_args()

# 1. the data: training tracklets, queries and gallery
vr.seed_everything(args.seed)
small = {"identities": 30} if args.dataset == "synthetic" else {}
dataset = vr.build_dataset(args.dataset, args.root, **small)
augment, plain = (vr.build_transform("basic", tuple(args.size), train=train) for train in (True, False))

# 2. loaders: batches of 8 people x 4 clips for training, every tracklet in order for testing
clips = vr.train_loader(
    dataset.train, batch_size=32, num_frames=args.frames, instances=4, transform=augment, seed=args.seed
)
query, gallery = (
    vr.eval_loader(part, num_frames=args.frames, transform=plain) for part in (dataset.query, dataset.gallery)
)

# 3. network, losses and optimiser; any module and any torch optimiser can be used
model = vr.build_model(args.model, num_classes=dataset.num_train_pids, pretrained=args.pretrained or False)
criterion = vr.TripletCriterion(margin=0.3)
optimizer = vr.build_optimizer(model, "adam", lr=args.lr, weight_decay=5e-4)
scheduler = vr.build_lr_scheduler(optimizer, "cosine", max_epoch=args.epochs)

# 4. train; the same command continues an interrupted run
engine = vr.Engine(model, criterion, optimizer, scheduler)
engine.fit(clips, args.epochs, output_dir=args.output, resume="auto")

# 5. score people that were not trained on, and draw the worst answers
ranking = engine.evaluate(query, gallery, protocol=dataset.protocol, dataset=dataset.name)
print(f"mAP {ranking.mean_average_precision:.1%}, Rank-1 {ranking.rank(1):.1%}\n{ranking.protocol_line}")
read = query.dataset.reader.read
vr.draw_ranking(ranking, dataset.query, dataset.gallery, args.output / "ranking.png", read_frames=read)
