"""Hyper-parameter search with Optuna: search spaces, studies that resume from a file, and a plot."""

import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoreid.engine.progress import Callback, Event
from videoreid.errors import ConfigError, MissingExtraError, TrainingError
from videoreid.utils import get_logger

__all__ = ["BAG_OF_TRICKS_SPACE", "Range", "draw_study", "pruning_callback", "run_search", "suggest"]


_JUDGED = "failed"  # attribute of a trial whose parameters failed, in contrast to a crash


@dataclass(frozen=True)
class Range:
    """Bounds of a hyper-parameter.

    Args:
        low: smallest value.
        high: largest value.
        log: draw in log scale.
    """

    low: float
    high: float
    log: bool = False


BAG_OF_TRICKS_SPACE: dict[str, dict[str, Range]] = {
    name: {
        "sigma": Range(0.1, 1.0),
        "alpha": Range(0.5, 3.0),
        "l": Range(0.1, 1.0),
        "margin": Range(1e-6, 1.0, log=True),
        "beta": Range(1e-6, 1.0),
        "gamma": Range(1e-6, 1.0),
        "weight_decay": Range(1e-6, 1.0, log=log_decay),
    }
    for name, log_decay in (("log", True), ("published", False))
}
"""The search space of the video bag of tricks: "log" draws the weight decay in log scale, "published" linearly.

With the linear scale, nearly every published result lay at the lower bound of the weight decay.
"""


def suggest(trial: Any, space: Mapping[str, Range]) -> dict[str, float]:
    """Return a value for every hyper-parameter of a space, drawn by an Optuna trial."""
    return {name: trial.suggest_float(name, r.low, r.high, log=r.log) for name, r in space.items()}


def pruning_callback(trial: Any, metric: str) -> Callback:
    """Return an engine callback that reports each validation to a trial and ends unpromising trials."""
    optuna = _optuna()

    def report(event: Event) -> None:
        if event.kind == "validation":
            trial.report(event.values[metric], event.epoch)
            if trial.should_prune():
                raise optuna.TrialPruned(f"pruned after epoch {event.epoch}")

    return report


def run_search(
    objective: Callable[[Any], float],
    trials: int,
    *,
    storage: str | Path,
    name: str = "search",
    seed: int = 0,
    startup_trials: int = 10,
) -> Any:
    """Maximise an objective; a second call with the same storage runs the remaining trials.

    Args:
        objective: ``(trial) -> value``; see `suggest` and `pruning_callback`. A `TrainingError` (a loss that is
            not finite) or a value that is NaN fails that trial alone.
        trials: total number of trials, including pruned and failed ones. A trial that was killed, or whose objective
            crashed with another error, does not count and is repeated.
        storage: SQLite file; its path may contain any characters.
        name: of the study in that file.
        seed: of the sampler.
        startup_trials: random trials before the sampler models the objective and before any trial is pruned.

    Returns:
        The Optuna study; ``study.best_params`` are the best parameters.

    Raises:
        MissingExtraError: Optuna is not installed.
        ConfigError: ``trials`` is below 1, or ``storage`` is an address instead of a file.
    """
    optuna = _optuna()
    if trials < 1:
        raise ConfigError(f"trials must be 1 or more, got {trials}")
    records = _open_storage(optuna, storage)
    begun, done = _count_trials(optuna, records, name)
    study = optuna.create_study(
        study_name=name,
        storage=records,
        load_if_exists=True,
        direction="maximize",
        # a resumed study must not draw its first values again
        sampler=optuna.samplers.TPESampler(seed=seed + begun, n_startup_trials=startup_trials),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=startup_trials),
    )
    if begun:
        get_logger("engine").info(
            "study %s continues after %d trials, %d of them finished", name, begun, done
        )

    def judged(trial: Any) -> float:
        try:
            value = float(objective(trial))
        except TrainingError as error:
            trial.set_user_attr(_JUDGED, str(error))
            raise
        if math.isnan(value):
            trial.set_user_attr(_JUDGED, "the objective is NaN")
        return value

    study.optimize(judged, n_trials=max(trials - done, 0), catch=(TrainingError,))
    return study


def draw_study(study: Any, path: str | Path) -> None:
    """Draw the value of every trial, the best value so far, and the value over each parameter.

    Args:
        study: with at least one finished trial.
        path: of the picture; its suffix chooses the format.

    Raises:
        ConfigError: no trial is finished.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    done = [trial for trial in study.trials if trial.value is not None and trial.state.name == "COMPLETE"]
    if not done:
        raise ConfigError("no trial of this study is finished: there is nothing to draw")
    names = sorted({name for trial in done for name in trial.params})
    columns = min(4, len(names) + 1)
    rows = -(-(len(names) + 1) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).flat
    values = [trial.value for trial in done]
    first = next(axes)
    first.plot([trial.number for trial in done], values, "o", markersize=3, label="trial")
    best = [max(values[: i + 1]) for i in range(len(values))]
    first.step([trial.number for trial in done], best, where="post", label="best so far")
    first.set(xlabel="trial", ylabel="objective")
    first.legend(fontsize="small")
    for name, axis in zip(names, axes, strict=False):
        pairs = [(trial.params[name], trial.value) for trial in done if name in trial.params]
        axis.plot(*zip(*pairs, strict=True), "o", markersize=3)
        axis.set(xlabel=name, xscale="log" if _is_log(done, name) else "linear")
    for axis in axes:
        axis.set_axis_off()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _is_log(trials: list[Any], name: str) -> bool:
    return any(getattr(trial.distributions.get(name), "log", False) for trial in trials)


def _open_storage(optuna: Any, storage: str | Path) -> Any:
    """Return the storage of an SQLite file, opened by its path: in an address, "?" would end the path."""
    from sqlalchemy.pool import QueuePool  # comes with Optuna

    if "://" in str(storage):
        raise ConfigError(f"storage must be the path of an SQLite file, got the address {storage}")
    path = Path(storage).expanduser().absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"creator": lambda: sqlite3.connect(path, check_same_thread=False), "poolclass": QueuePool}
    return optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)


def _count_trials(optuna: Any, storage: Any, name: str) -> tuple[int, int]:
    """Return how many trials of a study began, and how many finished.

    Optuna marks a trial whose objective crashed (an error in the script, or lack of memory) as failed, too.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return 0, 0
    done = [t for t in study.trials if t.state.name in ("COMPLETE", "PRUNED") or _JUDGED in t.user_attrs]
    return len(study.trials), len(done)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "tune", "hyper-parameter search") from error
    return optuna
