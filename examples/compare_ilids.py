"""Compare recipes on iLIDS-VID: mAP and Rank-1 next to the published scores, as CSV, Markdown and a picture.

The default is the seven pairs of a study of image networks, by the study's own recipe (torchreid's defaults: 15 frames,
batch 8, 128x128, Adam 1e-4, x 0.1 every 20 of 60 epochs, Euclidean distance). ``ilids_ours_<pair>`` are the same
networks by our recipe. Other recipes can be added to the table, such as PSTA and st-ReID's PCB:

    python examples/compare_ilids.py --root /data --seeds 0 1 2 --recipes study psta streid_pcb

The same command continues an interrupted comparison: finished runs are read from results.csv, the others resume.
"""

import argparse
import csv
import json
import statistics
from pathlib import Path

from videoreid.recipes import (
    RunOptions,
    get_recipe,
    list_recipes,
    open_dataset,
    override,
    parse_settings,
    train_recipe,
)
from videoreid.utils import setup_logging

STUDY = [name for name in list_recipes() if name.startswith("ilids_") and not name.startswith("ilids_ours_")]
COLUMNS = ["recipe", "seed", "start", "mAP", "rank1", "protocol"]
BINDING = ("dataset", "set", "max_steps", "precision")


def keep_settings(args: argparse.Namespace) -> None:
    """Store the settings of the runs in a folder; refuse a folder with runs of other settings."""
    path = args.output / "settings.json"
    settings = {name: getattr(args, name) for name in BINDING}
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    if held != settings and (held is not None or (args.output / "results.csv").exists()):
        raise SystemExit(f"{args.output} holds runs with other settings, see {path}: choose another --output")
    path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def train_one(name: str, seed: int, args: argparse.Namespace) -> dict:
    """Train one recipe from one seed and return its row of the table."""
    recipe = override(get_recipe(name).on(args.dataset), {**parse_settings(args.set), "seed": seed})
    splits = open_dataset(recipe, args.dataset, args.root)
    options = RunOptions(
        output_dir=args.output / f"{name}_seed{seed}", max_steps=args.max_steps, resume=True, workers=args.workers,
        precision=args.precision, validate=False, root=args.root,
    )  # fmt: skip
    ranking = train_recipe(recipe, splits, options)["ori"]
    start = "imagenet" if recipe.pretrained is True else str(recipe.pretrained or "random")
    scores = {"mAP": ranking.mean_average_precision, "rank1": ranking.rank(1)}
    return {"recipe": name, "seed": seed, "start": start, **scores, "protocol": ranking.protocol_line}


def read_rows(path: Path) -> list[dict]:
    """Return the finished runs."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{**r, "seed": int(r["seed"]), "mAP": float(r["mAP"]), "rank1": float(r["rank1"])} for r in rows]


def append_row(path: Path, row: dict) -> None:
    """Append a finished run to the CSV file."""
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerow(row)


def summarise(rows: list[dict], names: list[str]) -> list[dict]:
    """Return mean and spread (standard deviation) over the seeds of each recipe."""
    table = []
    for name in names:
        runs = [row for row in rows if row["recipe"] == name]
        if runs:
            entry = {"recipe": name, "start": runs[0]["start"], "seeds": len(runs)}
            for key in ("mAP", "rank1"):
                values = [row[key] for row in runs]
                entry[key] = statistics.mean(values)
                entry[f"{key}_spread"] = statistics.stdev(values) if len(values) > 1 else 0.0
            table.append(entry)
    return table


def to_markdown(table: list[dict], protocols: set[str], dataset: str) -> str:
    """Return the table with our scores and the published scores, and the protocol lines below it."""
    lines = [
        "| recipe | start | seeds | mAP | Rank-1 | published mAP / Rank-1 |",
        "|---|---|---|---|---|---|",
    ]
    for row in table:
        cells = [f"{row[key]:.1%} ± {row[f'{key}_spread']:.1%}" for key in ("mAP", "rank1")]
        scores = get_recipe(row["recipe"]).scores_on(dataset)
        published = f"{scores[0].mAP} % / {scores[0].rank1} %" if scores else "-"
        lines.append(
            f"| {row['recipe']} | {row['start']} | {row['seeds']} | {cells[0]} | {cells[1]} | {published} |"
        )
    return "\n".join([*lines, "", *sorted(protocols), ""])


def draw(table: list[dict], path: Path) -> None:
    """Draw mAP and Rank-1 of every recipe as bars with their spread."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.5 * len(table) + 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for shift, (key, label) in enumerate((("mAP", "mAP"), ("rank1", "Rank-1"))):
        places = [place + 0.38 * shift for place in range(len(table))]
        values, spreads = [100 * row[key] for row in table], [100 * row[f"{key}_spread"] for row in table]
        axis.barh(places, values, 0.36, xerr=spreads, label=label)
    axis.set_yticks([place + 0.19 for place in range(len(table))], [row["recipe"] for row in table])
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
    parser.add_argument(
        "--recipes", nargs="+", default=["study"], help="names of recipes; study means the seven pairs"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of all recipes"
    )
    parser.add_argument("--max-steps", type=int)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    setup_logging()
    args.output.mkdir(parents=True, exist_ok=True)
    keep_settings(args)
    names = [part for name in args.recipes for part in (STUDY if name == "study" else [name])]
    results = args.output / "results.csv"
    for name in names:
        for seed in args.seeds:
            if not any(row["recipe"] == name and row["seed"] == seed for row in read_rows(results)):
                append_row(results, train_one(name, seed, args))
    rows = read_rows(results)
    table = summarise(rows, names)
    markdown = to_markdown(table, {row["protocol"] for row in rows}, args.dataset)
    (args.output / "table.md").write_text(markdown, encoding="utf-8")
    draw(table, args.output / "table.png")
    print(markdown)


if __name__ == "__main__":
    main()
