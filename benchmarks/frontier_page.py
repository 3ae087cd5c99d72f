"""The page `docs/frontier_learning.md`, made from the recorded runs and from nothing else."""

import statistics
from typing import Any

from frontier_methods import FRAMES_IN_BATCH, STUDIES
from frontier_oracle import TRAITS
from frontier_rankings import ERROR, LEVELS, POOR_ERROR
from mra_ablation import spread

Row = dict[str, Any]
SEEDS = 3
_HEAD = """# What the newer networks learn, and what time is worth

AP3D, SINet, a small vision transformer with and without what TransReID adds, and identity memories against the
batch-hard triplet loss, on [the synthetic world](synthetic.md) at its default difficulty; and models of time
against the mean over frames, among [people in uniforms](synthetic.md#people-in-uniforms). One budget, three
seeds, scored on people that no network was trained on. The world is drawn and the networks are small: the
tables show what each part gives where everything else is equal, and rank nothing on MARS. The command that runs
what is missing writes this page from the record, tables and remarks:

```bash
python benchmarks/frontier_learning.py          # goes on where it was stopped; --page only writes the page
```

"""
_BUDGET = """
- **Start**: all runs of a seed and a backbone start from the same trunk, trained on single frames of the people
  of *another* world for {trunk_steps} batches. What a network has beyond the trunk is random.
- **Budget**: {steps} batches of {frames} frames: 64 single frames (16 people x 4), 16 clips of 4 (4 x 4), or 8
  clips of 8 consecutive frames (4 x 2); half-width ResNet-18 at 96 x 48, ViT-Ti/16 at 64 x 64, where strides of
  16 and 12 pixels both leave no rest.
- **Recipe**: AdamW 1e-3, weight decay 5e-4, linear warm-up over the first eighth, cosine decay, gradient norm
  5; cross-entropy (smoothing 0.1) and batch-hard triplet (cosine, margin 0.3), mean over heads; mirrored,
  padded and cropped. SINet has its frame loss (0.001) beside. Nothing was tuned for anyone.
- **Score**: one clip a tracklet, consecutive frames from its middle; an image backbone averages its frame
  vectors.
- **Reading**: mAP and Rank-1 in percent, mean ± standard deviation over the seeds; then the difference in mAP
  from the baseline above, seed by seed. "Pays" and "does not pay" mean the same sign on every seed of three,
  "open" everything else.
"""
_TITLES = {
    "clips": "## Networks over clips",
    "transformer": "## What TransReID adds to a small transformer",
    "memory": "## Cluster memory against batch-hard triplet",
    "time": "## Models of time, among people in uniforms",
}
_NOTES = {
    "memory": "The memories are filled once from the trunk's features (momentum 0.2, temperature 0.05).",
    "time": '"One frame" is the mAP of the same weights where a tracklet is one frame, the middle one.',
}
_ORACLE = """## Does the world lack the signal, or can the models not use it?

Rankings by what is known of the walkers, without any network. The records are exact, so that they name a person
as a passport number would: that row is the ceiling by construction, and the phase of a walk, which is drawn
again for each tracklet, is the floor. The ideal observer sees joints and breadths in given frames with an error
of {error:.0%} of the body height ("poor eyes": {poor:.0%}), except those behind the frame's own obstacle; it
does not know where in a step the walker is, nor exactly how large and from where he is seen, and reads neither
clothes nor speed.
"""
_ADDED = """### What the observer adds to a network, and what the embeddings tell

Left: mAP of the network alone, and with the ideal observer's distances of eight frames added (each distance at
mean 0 and deviation 1). Right: share of the variance of sizes and gait numbers, in percent, that ridge
regression reads from the embeddings of people it was not fitted on; 0 is no better than the mean.
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
    """Return what differences by seed say, in a word."""
    if len(gains) < SEEDS:
        return "not complete"
    return "pays" if min(gains) > 0 else "does not pay" if max(gains) < 0 else "open"


def _oracle(rows: list[Row]) -> str:
    if not rows:
        return ""
    lines = [_ORACLE.format(error=ERROR, poor=POOR_ERROR), "| known | mAP | Rank-1 |", "|---|---|---|"]
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
    """Return the answer to the question of the page, in figures; nothing before all its runs exist."""
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
    told = {t: f"{100 * statistics.mean(row['explained'][t] for row in plain):.0f} %" for t in TRAITS}
    gained = (
        f"on every seed more than it give: {', '.join(paying)}"
        if paying
        else "no model of time gives more on all"
    )
    words = [
        f"Chance is {mean['chance']}, the outfit alone {mean['outfit']}, outfit and bag {mean['outfit and bag']}.",
        f"An ideal observer of one frame reaches {mean['observer, 1 frame: sizes and gait']}, of eight frames "
        f"{mean['observer, 8 frames: sizes and gait']}; by gait alone {mean['observer, 8 frames: gait']}, by sizes "
        f"alone {mean['observer, 8 frames: sizes']}. So much signal is in the frames.",
        f"The mean over the frames of clips reaches {mean['clips, mean over frames']}; {gained}.",
        f"Its embeddings tell {told['cadence']} of the variance of the steps a second, {told['arm_swing']} of the "
        f"swing of the arms, {told['height']} of the height, {told['girth']} of the girth.",
    ]
    return "### In figures\n\n" + "\n".join(f"- {word}" for word in words) + "\n"
