"""``videoreid demo``: train a small network on the synthetic dataset from scratch, and score it."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from videoreid.cli._demo_network import MODEL, build_network, repeatable, score_network, train_network
from videoreid.errors import ConfigError

if TYPE_CHECKING:
    from videoreid.types import Ranking, Splits

__all__ = ["HELP", "add_arguments", "run"]

HELP = "draw a small world, train on it, and show what was learnt (no download, a few minutes on a CPU)"

IDENTITIES, FAST_IDENTITIES = 250, 40
STEPS, FAST_STEPS = 450, 30
_NETWORK = "model.safetensors"
_OUTPUTS = ("table.txt", "ranking.png", "ranking.html", "explorer", _NETWORK, "metrics.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--output", type=Path, default=Path("demo"), help="folder for the answers (default demo)"
    )
    parser.add_argument("--root", type=Path, help="folder for the drawn world (default: a per-user cache)")
    parser.add_argument("--seed", type=int, default=0, help="of the world and of the training (default 0)")
    parser.add_argument("--identities", type=int, help=f"people in the world (default {IDENTITIES})")
    parser.add_argument("--steps", type=int, help=f"training steps (default {STEPS})")
    parser.add_argument(
        "--workers", type=int, default=0, help="reading processes; the table does not depend on it"
    )
    parser.add_argument(
        "--fast", action="store_true", help="a tiny world and few steps: seconds, poor scores"
    )
    parser.add_argument(
        "--footage",
        action="store_true",
        help="the second demo: film the world, follow its people, find three of them over the cameras",
    )


def run(args: argparse.Namespace) -> int:
    """Make the world, train, score before and after, draw; return 0."""
    from videoreid.data.datasets import build_dataset
    from videoreid.models import save_pretrained
    from videoreid.utils import setup_logging
    from videoreid.utils.staging import staged_outputs

    if args.footage:
        from videoreid.cli._demo_footage import film_and_find

        return film_and_find(args)
    log = setup_logging()
    began = time.perf_counter()
    identities = _first_given(args.identities, FAST_IDENTITIES if args.fast else IDENTITIES)
    steps = _first_given(args.steps, FAST_STEPS if args.fast else STEPS)
    if steps < 1:
        raise ConfigError(f"--steps must be 1 or more, got {steps}")
    log.info("drawing a world of %d people (kept for the next time)", identities)
    splits = build_dataset("synthetic", args.root, identities=identities, seed=args.seed)
    log.info("scoring colour histograms and the untrained %s", MODEL)
    rankings = {"colour histogram": _score_histogram(splits)}
    with repeatable(args.seed):
        model = build_network(splits)
        rankings["untrained"] = score_network(model, splits, args.workers)
        log.info("training %s for %d steps on %d people", MODEL, steps, splits.num_train_pids)
        train_network(model, splits, steps, args)
        rankings["trained"] = score_network(model, splits, args.workers)
    table = _table(rankings)
    with staged_outputs(args.output, _OUTPUTS) as place:
        save_pretrained(model, place / _NETWORK)
        _write(rankings, splits, table, place)
    print(table)
    print(f"wrote table.txt, metrics.json, ranking.png and {_NETWORK} to {args.output}")
    print("open explorer/index.html there")
    log.info("took %.1f minutes", (time.perf_counter() - began) / 60)
    return 0


def _first_given(value: int | None, default: int) -> int:
    return default if value is None else value


def _score_histogram(splits: "Splits") -> "Ranking":
    from videoreid.data.colour_histogram import histogram_features
    from videoreid.metrics import evaluate_features

    query, gallery = (histogram_features(part) for part in (splits.query, splits.gallery))
    details = {"frames": "all"}
    return evaluate_features(
        query, gallery, protocol=splits.protocol, distance="euclidean", dataset=splits.name, details=details
    )


def _table(rankings: "Mapping[str, Ranking]") -> str:
    """Return the scores, a row each, and below them the protocol line of each row, equal ones once."""
    lines = [f"{'':18}" + "".join(f"{name:>8}" for name in ("mAP", "Rank-1", "Rank-5", "mINP"))]
    protocols: dict[str, list[str]] = {}
    for name, ranking in rankings.items():
        summary = ranking.summary()
        scores = (float(summary[key]) for key in ("mAP", "rank1", "rank5", "mINP"))
        lines.append(f"{name:18}" + "".join(f"{100 * score:7.1f}%" for score in scores))
        protocols.setdefault(ranking.protocol_line, []).append(name)
    lines += [f"{', '.join(names)}: {line}" for line, names in protocols.items()]
    return "\n".join(lines)


def _write(rankings: "Mapping[str, Ranking]", splits: "Splits", table: str, output: Path) -> None:
    from videoreid.reporting import AnswerOptions, write_answer
    from videoreid.utils import atomic_write_text
    from videoreid.visual import order_queries

    atomic_write_text(output / "table.txt", table + "\n")
    trained = rankings["trained"]
    rows = order_queries(trained, "given").tolist()
    spread = rows[:: max(1, len(rows) // 12)][:12]  # hits and misses as they come, not a choice
    write_answer(
        trained,
        splits.query,
        splits.gallery,
        output,
        metrics={name: ranking.summary() for name, ranking in rankings.items()},
        options=AnswerOptions(rows=spread),
    )
