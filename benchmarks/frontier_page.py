"""Render the page `docs/frontier_learning.md` from the recorded runs."""

import statistics
from typing import Any

from frontier_methods import FRAMES_IN_BATCH, STUDIES
from frontier_oracle import GAIT, TRAITS
from frontier_rankings import ERROR, LEVELS, POOR_ERROR
from mra_ablation import spread

Row = dict[str, Any]
SEEDS = 3
_HEAD = """# What the newer networks learn, and what temporal models gain

This page compares AP3D, SINet, a small vision transformer with and without the parts of TransReID, and cluster
memories with the batch-hard triplet loss, on [the synthetic world](synthetic.md) at its default difficulty. It
also compares temporal models with the mean over frames on [people in uniforms](synthetic.md#people-in-uniforms).
All runs have one budget and three seeds, and are scored on people who are in no training set. The world is drawn
and the networks are small: the tables show the effect of one part while everything else is equal. They do not
predict an order of the networks on MARS. This command does the missing runs and writes the page from the record:

```bash
python benchmarks/frontier_learning.py          # continues an interrupted command; --page only writes the page
```

"""
_BUDGET = """
- **Start**: all runs of a seed and a backbone start from the same trunk, trained on single frames of the people
  of *another* world for {trunk_steps} batches. Layers that the trunk lacks start from random weights.
- **Budget**: {steps} batches of {frames} frames: 64 single frames (16 people x 4), 16 clips of 4 (4 x 4), or 8
  clips of 8 consecutive frames (4 x 2); half-width ResNet-18 at 96 x 48, ViT-Ti/16 at 64 x 64, which
  strides of 16 and of 12 pixels both divide exactly.
- **Recipe**: AdamW 1e-3, weight decay 5e-4, linear warm-up over the first eighth, cosine decay, gradient norm
  5; cross-entropy (smoothing 0.1) and batch-hard triplet (cosine, margin 0.3), mean over heads; mirrored,
  padded and cropped. SINet also has its frame loss (weight 0.001). Nothing was tuned for a method.
- **Score**: one clip for each tracklet, consecutive frames from its middle; an image backbone averages its frame
  vectors.
- **Reading**: mAP and Rank-1 in percent, mean ± standard deviation over the seeds; then the difference in mAP
  to the baseline above, by seed. "Pays": the difference is positive on all three seeds; "does not pay": negative on
  all three; "open": neither. Seconds of training are by the clock, one thread a run, two runs at a time beside other
  work: read them as an order.
"""
_TITLES = {
    "clips": "## Networks over clips",
    "transformer": "## The parts of TransReID on a small transformer",
    "memory": "## Cluster memory against batch-hard triplet",
    "time": "## Temporal models on people in uniforms",
}
_NOTES = {
    "memory": "The memories are filled once from the trunk's features (momentum 0.2, temperature 0.05).",
    "time": '"One frame" is the mAP of the same weights on one frame of each tracklet, the middle one.',
}
_ORACLE = """## Does the world lack the signal, or can the models not use it?

These rankings use no network. Records are the exact sizes and gait parameters of the walkers: they identify a
person by construction, so that row is the ceiling. The phase of a walk is drawn again for each tracklet: that
row is the floor. The ideal observer measures joints and breadths in given frames with an error of {error:.0%} of the
body height ("poor eyes": {poor:.0%}), except those that the obstacle of the frame hides. It does not know the phase
of the walk, nor the exact scale and view angle, and uses neither clothes nor walking speed.
"""
_ADDED = """### The observer added to a network, and the traits that embeddings explain

Left: mAP of the network alone, and after adding the ideal observer's distances of eight frames (both distances
standardised to mean 0 and deviation 1). Right: share of the variance of sizes and gait parameters, in percent, that
ridge regression explains from the embeddings of people it was not fitted on; 0 is no better than the mean.
"""


def render(rows: list[Row]) -> str:
    """Return the page of the runs so far."""
    total = SEEDS * (sum(map(len, STUDIES.values())) + len(LEVELS))
    setting = rows[0] if rows else {"steps": 0, "trunk_steps": 0, "identities": 0}
    parts = [_HEAD + f"**{len(rows)} of {total} runs exist.**" + _missing(rows) + "\n"]
    parts.append(_BUDGET.format(**setting, frames=FRAMES_IN_BATCH) if rows else "")
    for study in ("clips", "transformer", "memory", "time"):
        parts.append(_study(study, [row for row in rows if row["study"] == study]))
    parts.append(_oracle([row for row in rows if row["study"] == "oracle"]))
    parts.append(_added([row for row in rows if row["study"] == "time"]))
    parts.append(_answer(rows))
    protocols = sorted({row["protocol"] for row in rows})
    if protocols:
        parts.append("## Protocols\n\n```text\n" + "\n".join(protocols) + "\n```\n")
    return "\n".join(part for part in parts if part)


def _missing(rows: list[Row]) -> str:
    counts = {study: sum(row["study"] == study for row in rows) for study in (*STUDIES, "oracle")}
    wanted = {
        **{study: SEEDS * len(names) for study, names in STUDIES.items()},
        "oracle": SEEDS * len(LEVELS),
    }
    open_ = [f"{name} {counts[name]} of {wanted[name]}" for name in wanted if counts[name] < wanted[name]]
    return f" Not complete: {', '.join(open_)}." if open_ else ""


def _by_method(rows: list[Row], names: list[str]) -> dict[str, list[Row]]:
    found = {
        name: sorted((r for r in rows if r["method"] == name), key=lambda r: r["seed"]) for name in names
    }
    return {name: chosen for name, chosen in found.items() if chosen}


def _study(study: str, rows: list[Row]) -> str:
    if not rows:
        return ""
    timed = study == "time"
    lines = [_TITLES[study], "", *([_NOTES[study], ""] if study in _NOTES else [])]
    lines.append(f"| method | mAP | Rank-1 |{' one frame |' if timed else ''} by seed | seconds | |")
    lines.append(f"|---|---|---|{'---|' if timed else ''}---|---|---|")
    base: dict[int, float] = {}
    for name, chosen in _by_method(rows, list(STUDIES[study])).items():
        is_base = STUDIES[study][name].baseline
        if is_base or not base:
            base = {row["seed"]: row["mAP"] for row in chosen}
        gains = [100 * (row["mAP"] - base[row["seed"]]) for row in chosen if row["seed"] in base]
        cells = [name, *(spread([row[key] for row in chosen]) for key in ("mAP", "rank1"))]
        cells += [spread([row["one_frame"] for row in chosen])] if timed else []
        cells.append("baseline" if is_base else ", ".join(f"{gain:+.1f}" for gain in gains))
        cells += [f"{statistics.mean(row['seconds'] for row in chosen):.0f}"]
        lines.append(f"| {' | '.join([*cells, '' if is_base else verdict(gains)])} |")
    return "\n".join(lines) + "\n"


def verdict(gains: list[float]) -> str:
    """Return the verdict on the differences by seed."""
    if len(gains) < SEEDS:
        return "not complete"
    return "pays" if min(gains) > 0 else "does not pay" if max(gains) < 0 else "open"


def _oracle(rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = [_ORACLE.format(error=ERROR, poor=POOR_ERROR), "| ranking | mAP | Rank-1 |", "|---|---|---|"]
    for name, chosen in _by_method(rows, list(LEVELS)).items():
        lines.append(
            f"| {name} | {' | '.join(spread([r[key] for r in chosen]) for key in ('mAP', 'rank1'))} |"
        )
    return "\n".join(lines) + "\n"


def _added(rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = [_ADDED, f"| method | alone | + sizes | + gait | + both | {' | '.join(TRAITS)} |"]
    lines[-1] = lines[-1].replace("_", " ")
    lines.append("|---|---|---|---|---|" + "---|" * len(TRAITS))
    for name, chosen in _by_method(rows, list(STUDIES["time"])).items():
        cells = [name, spread([row["mAP"] for row in chosen])]
        cells += [spread([row["with_observer"][key] for row in chosen]) for key in ("sizes", "gait", "both")]
        cells += [f"{100 * statistics.mean(row['explained'][t] for row in chosen):.0f}" for t in TRAITS]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _answer(rows: list[Row]) -> str:
    """Return the answer to the question of the page, in figures; "" until all its runs exist."""
    found = _by_method([r for r in rows if r["study"] in ("time", "oracle")], [*STUDIES["time"], *LEVELS])
    if len(found) < len(STUDIES["time"]) + len(LEVELS) or min(map(len, found.values())) < SEEDS:
        return ""
    mean = {
        name: f"{100 * statistics.mean(row['mAP'] for row in chosen):.1f}" for name, chosen in found.items()
    }
    plain = found["clips, mean over frames"]
    paying = []
    for name in ("clips, temporal attention", "clips, RNN", "clips, AP3D"):
        gains = [a["mAP"] - b["mAP"] for a, b in zip(found[name], plain, strict=True)]
        paying += [name] if verdict(gains) == "pays" else []
    shares = {t: 100 * statistics.mean(row["explained"][t] for row in plain) for t in TRAITS}
    told = {t: f"{share:.0f} %" if share > 0 else "nothing" for t, share in shares.items()}
    gait = max(
        statistics.mean(row["explained"][t] for row in found[name]) for name in STUDIES["time"] for t in GAIT
    )
    gained = (
        f"better on every seed: {', '.join(paying)}"
        if paying
        else "no temporal model is better on every seed"
    )
    words = [
        f"Chance is {mean['chance']}, the outfit alone {mean['outfit']}, outfit and bag {mean['outfit and bag']}.",
        f"An ideal observer of one frame reaches {mean['observer, 1 frame: sizes and gait']}, of eight frames "
        f"{mean['observer, 8 frames: sizes and gait']}; by gait alone {mean['observer, 8 frames: gait']}, by sizes "
        f"alone {mean['observer, 8 frames: sizes']}.",
        f"The mean over the frames of clips reaches {mean['clips, mean over frames']}; {gained}.",
        f"A linear regression on its embeddings explains {told['cadence']} of the variance of the cadence, "
        f"{told['arm_swing']} of the arm swing, {told['height']} of the height, {told['girth']} of the girth.",
    ]
    if gait <= 0:
        words.append(
            "The frames hold the gait, and the embeddings of no network of this table explain one of its parameters "
            "better than the mean does: at this budget the models do not use the signal; the world does not lack it."
        )
    return "### In figures\n\n" + "\n".join(f"- {word}" for word in words) + "\n"
