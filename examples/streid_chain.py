"""Run the six steps of st-ReID without any download, on a synthetic dataset in the layout of Market-1501.

The steps are: prepare (the loader adds the frame offsets of the sequences), train PCB, extract, fit the
spatial-temporal model, score jointly, re-rank; for three seeds, in one table. Every step is a command. The same
commands for Market-1501 or DukeMTMC-reID at the published size:

    videoreid train streid_pcb --dataset market1501 --root /data --output log/streid
    videoreid extract --run log/streid --output log/streid/features.h5
    videoreid st fit log/streid/features.h5 --output log/streid/st.npz
    videoreid eval log/streid/features.h5 --spatial-temporal log/streid/st.npz --rerank --joint-rule published
"""

import argparse
import json
import statistics
from pathlib import Path

from videoreid.cli import main as videoreid
from videoreid.data.datasets.synthetic import write_market1501

SMALL = [
    "pretrained=False",
    "model.backbone=resnet18",
    "height=128",
    "width=64",
    "epochs=12",
    "milestones=[9]",
]


def chain(
    root: Path, output: Path, seed: int, identities: int, images: int, settings: list[str]
) -> dict[str, dict]:
    """Run the six steps on one synthetic dataset and return the scores by row of the table."""
    world, run = root / f"market-i{identities}-s{seed}", output / f"seed{seed}"
    if not world.exists():
        write_market1501(world, identities=identities, images=images, seed=seed)
    chosen = [f"--set={pair}" for pair in (*settings, f"seed={seed}")]
    common = ["--dataset", "market1501", "--root", str(world)]
    assert (
        videoreid(
            ["train", "streid_pcb", *common, *chosen, "--output", str(run), "--resume", "--no-validation"]
        )
        == 0
    )
    features = run / "features.h5"
    assert videoreid(["extract", "--run", str(run), "--output", str(features)]) == 0
    assert videoreid(["st", "fit", str(features), "--output", str(run / "st.npz")]) == 0
    rows = {}
    for rule in ("published", "repaired"):
        scored = run / rule
        command = [
            "eval",
            str(features),
            "--spatial-temporal",
            str(run / "st.npz"),
            "--rerank",
            "--joint-rule",
            rule,
        ]
        assert videoreid([*command, "--output", str(scored)]) == 0
        results = json.loads((scored / "metrics.json").read_text(encoding="utf-8"))["results"]
        results[f"joint, re-ranked ({rule})"] = results.pop("joint, re-ranked")
        rows |= results
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("worlds"), help="folder of the synthetic datasets")
    parser.add_argument("--output", type=Path, default=Path("streid_chain"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--identities", type=int, default=120)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    settings = [*SMALL, *args.set]
    tables = [chain(args.root, args.output, s, args.identities, args.images, settings) for s in args.seeds]
    lines = ["| scored by | mAP | Rank-1 |", "|---|---|---|"]
    for row in tables[0]:
        cells = []
        for metric in ("mAP", "rank1"):
            values = [100 * table[row][metric] for table in tables]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.1f} ± {spread:.1f}")
        lines.append(f"| {row} | {cells[0]} | {cells[1]} |")
    protocol = tables[0]["appearance"]["protocol"]
    text = "\n".join([*lines, "", f"{len(tables)} seeds; {protocol}", ""])
    (args.output / "table.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
