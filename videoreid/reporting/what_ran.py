"""Facts of a run for a page: model, recipe, seeds, versions, device and time."""

import json
from collections.abc import Mapping
from typing import Any

from videoreid.engine import RunFolder
from videoreid.reporting.page import details, facts

__all__ = ["what_ran"]


def what_ran(run: RunFolder) -> list[str]:
    """Return model, recipe, seeds, versions, revision, device and time, as far as the folder records them.

    Args:
        run: the run folder.
    """
    record = run.record
    pieces = [facts([*_training(run), *_evaluations(record), *_environment(record)])]
    for title, name in (
        ("All settings of the recipe", "recipe"),
        ("Arguments of the network", "build_arguments"),
    ):
        if record.get(name):
            pieces.append(details(title, json.dumps(record[name], indent=2, ensure_ascii=False)))
    return [*pieces, details("run.json", json.dumps(dict(record), indent=2, ensure_ascii=False))]


def _training(run: RunFolder) -> list[tuple[str, str]]:
    record, rows = run.record, []
    recipe, dataset = record.get("recipe"), record.get("dataset")
    if isinstance(recipe, Mapping):
        rows.append(("recipe", str(recipe.get("name", "?"))))
    if "model" in record:
        rows.append(("model", str(record["model"])))
    for name in ("criterion", "seed"):
        if record.get(name) is not None:
            rows.append((name, str(record[name])))
    if record.get("optimizers"):
        rows.append(("optimiser", ", ".join(map(str, record["optimizers"]))))
    if isinstance(dataset, Mapping):
        parts = [
            f"{part} {_counts(dataset[part])}" for part in ("train", "query", "gallery") if part in dataset
        ]
        rows.append(("dataset", "; ".join([str(dataset.get("name")), *parts])))
    progress = record.get("progress", {})
    if progress:
        rows.append(("trained", f"{progress.get('epoch')} epochs, {progress.get('step')} updates"))
        rows.append(("time of training", _duration(run.seconds)))
    if record.get("processes"):
        rows.append(("processes", str(record["processes"])))
    if record.get("command"):
        rows.append(("command", " ".join(map(str, record["command"]))))
    return rows


def _counts(part: Any) -> str:
    return (
        ", ".join(f"{value:,} {name}" for name, value in part.items())
        if isinstance(part, Mapping)
        else str(part)
    )


def _evaluations(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for name, notes in record.get("evaluations", {}).items():
        words = [f"made {notes.get('made')}"]
        words += [f"{key} {notes[key]}" for key in ("model", "weights", "weights_sha256") if notes.get(key)]
        if notes.get("command"):
            words.append("command " + " ".join(map(str, notes["command"])))
        rows.append((f"evaluation {name}", "; ".join(words)))
    return rows


def _environment(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return rows of each distinct environment: a run may be resumed on another machine or with other versions."""
    found = [*record.get("sessions", [])]
    found += [
        notes["environment"] for notes in record.get("evaluations", {}).values() if "environment" in notes
    ]
    rows = []
    for place in found:
        versions = ", ".join(f"{name} {version}" for name, version in place.get("versions", {}).items())
        rows += [
            ("versions", versions),
            ("git revision", str(place.get("revision") or "not a checkout")),
            ("device", f"{place.get('device')}, {place.get('threads')} threads, {place.get('system')}"),
        ]
    return list(dict.fromkeys(rows))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02} min"
        if hours
        else f"{minutes} min {rest:02} s"
        if minutes
        else f"{seconds:.1f} s"
    )
