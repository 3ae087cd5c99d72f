"""Compare image networks on iLIDS-VID under one recipe: a table of mAP and Rank-1, as CSV, Markdown and a picture.

Hyper-parameters: batch 8 (4 people x 2 clips x 4 frames), 128x128 (HACNN at its own 160x64), Adam 1e-4, 60 epochs,
    mirrored; S is cross-entropy (smoothing 0.1), T adds batch-hard triplet (margin 0.3). Split 0 of ten.
Command: python examples/compare_ilids.py --root /data --seeds 0 1 2
Published: none to be equal to; the pairs are those of a study on iLIDS-VID that reports no protocol.

The same command goes on where it was stopped: finished runs are read from results.csv, a broken one resumes. Networks
start from ImageNet weights where such weights are published (not for HACNN); the table says which did.
"""

import argparse
import csv
import json
import statistics
from pathlib import Path

from videoreid.data import build_transform, eval_loader, train_loader
from videoreid.data.datasets import build_dataset
from videoreid.engine import Engine, TrainSettings
from videoreid.losses import SoftmaxCriterion, TripletCriterion
from videoreid.models import build_model, list_weights
from videoreid.optim import build_optimizer
from videoreid.types import Splits
from videoreid.utils import seed_everything, setup_logging

PAIRS = (
    "osnet_x1_0:S", "osnet_x1_0:T", "resnet50mid:S", "resnet50mid:T", "hacnn:S", "pcb_p4:S", "resnet101:S",
)  # fmt: skip
SIZES = {"hacnn": (160, 64)}
SIZE, FRAMES, BATCH, INSTANCES = (128, 128), 4, 8, 2
LEARNING_RATE, EPOCHS = 1e-4, 60
CRITERIA = {"S": SoftmaxCriterion, "T": TripletCriterion}
COLUMNS = ["pair", "seed", "start", "mAP", "rank1", "protocol"]
RECIPE = ("dataset", "epochs", "max_steps", "size", "pretrained", "precision")


def keep_recipe(args: argparse.Namespace) -> None:
    """Write down how the runs of a folder are trained; refuse to go on with runs that were trained otherwise."""
    path = args.output / "recipe.json"
    recipe = {name: getattr(args, name) for name in RECIPE}
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if held != recipe and (held is not None or (args.output / "results.csv").exists()):
        raise SystemExit(f"{args.output} holds runs of another recipe, see {path}: give another --output")
    path.write_text(json.dumps(recipe, indent=1) + "\n", encoding="utf-8")


def start_of(name: str, pretrained: int) -> str:
    """Return what a network starts from, "imagenet" or "random"."""
    published = any(weights.tag == "imagenet" for weights in list_weights(name))
    return "imagenet" if pretrained and published else "random"


def train_one(pair: str, seed: int, splits: Splits, args: argparse.Namespace) -> dict:
    """Train one pair from one seed and return its row of the table."""
    name, loss = pair.split(":")
    start = start_of(name, args.pretrained)
    size = SIZES.get(name, SIZE) if args.size is None else tuple(args.size)
    seed_everything(seed)
    model = build_model(name, num_classes=splits.num_train_pids, pretrained=start == "imagenet")
    augment, plain = (build_transform("basic", size, train=train) for train in (True, False))
    loader = train_loader(
        splits.train, batch_size=BATCH, num_frames=FRAMES, instances=INSTANCES, transform=augment,
        workers=args.workers, seed=seed,
    )  # fmt: skip
    query, gallery = (
        eval_loader(part, batch_size=BATCH, num_frames=FRAMES, transform=plain, workers=args.workers)
        for part in (splits.query, splits.gallery)
    )
    optimizer = build_optimizer(model, "adam", LEARNING_RATE)
    settings = TrainSettings(precision=args.precision)
    engine = Engine(model, CRITERIA[loss](), optimizer, settings=settings)
    folder = args.output / f"{name}_{loss}_seed{seed}"
    engine.fit(loader, args.epochs, output_dir=folder, resume="auto", max_steps=args.max_steps)
    ranking = engine.evaluate(query, gallery, protocol=splits.protocol, dataset=splits.name)
    scores = {"mAP": ranking.mean_average_precision, "rank1": ranking.rank(1)}
    return {"pair": pair, "seed": seed, "start": start, **scores, "protocol": ranking.protocol_line}


def read_rows(path: Path) -> list[dict]:
    """Return the finished runs."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{**r, "seed": int(r["seed"]), "mAP": float(r["mAP"]), "rank1": float(r["rank1"])} for r in rows]


def append_row(path: Path, row: dict) -> None:
    """Add a finished run to the table on disk."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def summarise(rows: list[dict], pairs: list[str]) -> list[dict]:
    """Return mean and spread (standard deviation) over the seeds of each pair."""
    table = []
    for pair in pairs:
        runs = [row for row in rows if row["pair"] == pair]
        if runs:
            entry = {"pair": pair, "start": runs[0]["start"], "seeds": len(runs)}
            for key in ("mAP", "rank1"):
                values = [row[key] for row in runs]
                entry[key] = statistics.mean(values)
                entry[f"{key}_spread"] = statistics.stdev(values) if len(values) > 1 else 0.0
            table.append(entry)
    return table


def to_markdown(table: list[dict], protocols: set[str]) -> str:
    """Return the table with its protocol lines under it."""
    lines = ["| network (loss) | start | seeds | mAP | Rank-1 |", "|---|---|---|---|---|"]
    for row in table:
        name, loss = row["pair"].split(":")
        cells = [f"{row[key]:.1%} ± {row[f'{key}_spread']:.1%}" for key in ("mAP", "rank1")]
        lines.append(f"| {name} ({loss}) | {row['start']} | {row['seeds']} | {cells[0]} | {cells[1]} |")
    return "\n".join([*lines, "", *sorted(protocols), ""])


def draw(table: list[dict], path: Path) -> None:
    """Draw mAP and Rank-1 of every pair as bars with their spread."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.5 * len(table) + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for shift, (key, label) in enumerate((("mAP", "mAP"), ("rank1", "Rank-1"))):
        places = [place + 0.38 * shift for place in range(len(table))]
        values, spreads = [100 * row[key] for row in table], [100 * row[f"{key}_spread"] for row in table]
        axis.barh(places, values, 0.36, xerr=spreads, label=label)
    axis.set_yticks([place + 0.19 for place in range(len(table))], [row["pair"] for row in table])
    axis.invert_yaxis()
    axis.set_xlabel("per cent")
    axis.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path)
    parser.add_argument("--dataset", default="ilidsvid")
    parser.add_argument("--output", type=Path, default=Path("compare"))
    parser.add_argument("--pairs", nargs="+", default=list(PAIRS), help="network:S or network:T")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--size", nargs=2, type=int, help="height and width for all networks")
    parser.add_argument("--pretrained", type=int, default=1)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    setup_logging()
    splits = build_dataset(args.dataset, args.root)
    args.output.mkdir(parents=True, exist_ok=True)
    keep_recipe(args)
    results = args.output / "results.csv"
    for pair in args.pairs:
        for seed in args.seeds:
            if not any(row["pair"] == pair and row["seed"] == seed for row in read_rows(results)):
                append_row(results, train_one(pair, seed, splits, args))
    rows = read_rows(results)
    table = summarise(rows, args.pairs)
    markdown = to_markdown(table, {row["protocol"] for row in rows})
    (args.output / "table.md").write_text(markdown, encoding="utf-8")
    draw(table, args.output / "table.png")
    print(markdown)


if __name__ == "__main__":
    main()
