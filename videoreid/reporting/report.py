"""The report of a run: one page, its plots, and their numbers."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from videoreid.engine import RunFolder, StoredEvaluation
from videoreid.errors import ConfigError, DatasetError, FrameError, MissingExtraError
from videoreid.metrics import bootstrap_intervals
from videoreid.metrics.comparison import unlike_lines
from videoreid.reporting.explorer import write_explorer_of
from videoreid.reporting.feature_plots import plots_of_features
from videoreid.reporting.page import (
    Section,
    figure,
    figures,
    links,
    page,
    paragraph,
    rows_table,
    table,
    table_links,
)
from videoreid.reporting.what_ran import what_ran
from videoreid.types import Ranking
from videoreid.utils.staging import staged_outputs
from videoreid.utils.tables import Table
from videoreid.visual import order_queries, plot_cmc, plot_length, plot_precision_recall, plot_training

__all__ = ["write_report"]

_FOLDER = "report"
_OUTPUTS = ("plots", "tables", "explorer", "index.html")
_ANALYSIS = ("analysis.html", "analysis/analysis.html")  # pages that videoreid analyse writes


def write_report(
    run: RunFolder | str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    evaluation: str | None = None,
    explorer: bool = True,
) -> Path:
    """Write one page for a run from the files of its folder; the same files give the same page.

    Parts whose data are not in the folder are left out, and the page says why: curves need a training, distances need
    stored features, the explorer needs the frames at their paths.

    Args:
        run: the run folder or its path.
        output: folder of the page; ``report`` inside the run folder by default.
        evaluation: name of the evaluation to show in detail; the first by default.
        explorer: write the explorer too.

    Returns:
        The page, ``index.html``.

    Raises:
        DatasetError: the folder is not a run folder, is of a newer version, or is damaged.
        StorageError: the output cannot be written.
    """
    run = run if isinstance(run, RunFolder) else RunFolder.open(run)
    folder = run.path / _FOLDER if output is None else Path(output)
    missing: list[str] = []
    with staged_outputs(folder, _OUTPUTS) as place:
        (place / "plots").mkdir()
        sections: list[Section] = [("What ran", what_ran(run))]
        stored = {name: run.evaluation(name) for name in run.evaluation_names}
        main = run.evaluation(evaluation) if stored or evaluation is not None else None
        if main is not None:
            sections.append(("Scores", _scores(stored, place)))
        sections.append(("Training", _training(run, place, missing)))
        if main is not None:
            sections.append(("Curves", [figures(_curves(stored, main, place, missing))]))
            sections.append(
                ("Distances and people", [figures(plots_of_features(main, place / "plots", missing))])
            )
            sections.append(("Worst queries", _worst(main)))
            sections.append(("Pictures", _pictures(run, main, folder, place, missing, explorer=explorer)))
        else:
            missing.append(
                "scores: the folder holds no evaluation; Engine.evaluate(..., output_dir=...) writes one"
            )
        if missing:
            sections.append(("Not shown", [paragraph(reason) for reason in missing]))
        full = [(name, pieces) for name, pieces in sections if "".join(pieces) not in ("", figures([]))]
        below = "" if main is None else main.ranking.protocol_line
        (place / "index.html").write_text(
            page(f"Run {run.name}", full, below=below), "utf-8", "backslashreplace"
        )
    return folder / "index.html"


def _scores(stored: Mapping[str, StoredEvaluation], place: Path) -> list[str]:
    """Return one row per evaluation with intervals, and all protocol lines, because the rules may differ."""
    tables = [scores_table(name, one.ranking) for name, one in stored.items()]
    rows = [row for one in tables for row in one.rows]
    notes = [f"{name}: {note}" for name, one in zip(stored, tables, strict=True) for note in one.notes]
    whole = Table(
        tables[0].columns, rows, [*notes, "In brackets: 95 % bootstrap intervals over the queries."]
    )
    (place / "tables").mkdir()
    write_table(whole, place / "tables" / "scores")
    return [table(whole), table_links("tables/scores")]


def scores_table(name: str, ranking: Ranking) -> Table:
    """Return the row of a ranking, with intervals unless its Rank-1 is a mean over draws."""
    single = ranking.protocol.gallery_shot == "single"
    return ranking.to_table(name, None if single else bootstrap_intervals(ranking))


def write_table(content: Table, stem: Path) -> None:
    """Write a table as Markdown, LaTeX and CSV."""
    for ending, form in (("md", "markdown"), ("tex", "latex"), ("csv", "csv")):
        text = content.write(form)
        Path(f"{stem}.{ending}").write_text(text, "utf-8", "backslashreplace")


def _training(run: RunFolder, place: Path, missing: list[str]) -> list[str]:
    if not run.history:
        missing.append("training curves: the folder holds no finished epoch")
        return []
    files = plot_training(run.history, place / "plots" / "training")
    return [figures([figure(files, "Loss terms, learning rate, and scores of the validations")])]


def _curves(
    stored: Mapping[str, StoredEvaluation], main: StoredEvaluation, place: Path, missing: list[str]
) -> list[str]:
    alike = {name: one.ranking for name, one in stored.items() if not unlike_lines(main.ranking, one.ranking)}
    for name in stored:
        if name not in alike:
            missing.append(f"curves of {name}: another protocol than {main.name}")
    plots = place / "plots"

    def curve(draw: Callable[..., object], name: str, caption: str, *args: object) -> str:
        return optional(name, missing, lambda: figure(draw(*args, plots / name), caption))  # type: ignore[arg-type]

    made = [
        curve(plot_cmc, "cmc", "CMC: share of queries matched within each rank", alike),
        curve(plot_precision_recall, "precision_recall", "Precision over recall", alike),
        curve(plot_length, "length", "mAP by the length of the query", main.query_lengths, main.ranking),
    ]
    return [piece for piece in made if piece]


def optional(name: str, missing: list[str], make: Callable[[], str]) -> str:
    """Return a piece; if it cannot be made, return an empty text and add the reason to ``missing``."""
    try:
        return make()
    except (ConfigError, DatasetError, MissingExtraError) as error:
        missing.append(f"{name.replace('_', ' ')}: {error}")
        return ""


def _worst(main: StoredEvaluation, count: int = 20) -> list[str]:
    ranking = main.ranking
    rows = [row for row in order_queries(ranking, "worst").tolist() if ranking.scored[row]][:count]
    lines = []
    for row in rows:
        wrong = [int(index) for index in ranking.top_indices[row, :3] if index >= 0]
        pids = [] if ranking.gallery is None else [str(ranking.gallery.pids[index]) for index in wrong]
        lines.append(
            (row, main.query_pids[row], main.query_camids[row], f"{ranking.average_precision[row]:.3f}",
             int(ranking.first_match[row]), ", ".join(pids) or "not stored")
        )  # fmt: skip
    unscored = int(np.count_nonzero(~ranking.scored))
    more = [paragraph(f"{unscored} queries have no true match and no score.")] if unscored else []
    return [
        rows_table(("query", "pid", "camera", "AP", "first hit at rank", "pids of the first answers"), lines),
        *more,
    ]


def _pictures(
    run: RunFolder, main: StoredEvaluation, folder: Path, place: Path, missing: list[str], *, explorer: bool
) -> list[str]:
    pieces = []
    if explorer:
        try:
            address = write_explorer_of(main, place / "explorer")
            pieces.append(links({address: "Explorer: all answers, frame by frame"}))
        except (ConfigError, DatasetError, FrameError, OSError) as error:
            missing.append(f"explorer: {error}")
    for name in _ANALYSIS:
        if (run.path / name).is_file():
            address = os.path.relpath(run.path / name, folder).replace(os.sep, "/")
            pieces.append(links({address: "Error analysis: causes of failure and their costs"}))
            break
    else:
        missing.append("error analysis: the folder holds none")
    return pieces
