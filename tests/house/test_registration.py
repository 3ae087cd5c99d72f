"""Adding a dataset, a model, a loss, a head, a rule or a command is one new file and one line."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import videoreid.cli

PACKAGE = Path(videoreid.cli.__file__).parents[1]
ROOMS_OF_ONE_IDEA = (
    "data/datasets",
    "data/sampling",
    "data/transforms",
    "losses",
    "metrics",
    "models",
    "models/temporal",
    "optim",
)
"""Folders whose every public file offers something under a name, and is therefore imported with its room."""


def modules_after_import(package: Path) -> set[str]:
    """Return the modules that a fresh interpreter holds once it has imported the rooms, and nothing else."""
    rooms = ", ".join(f"videoreid.{room.split('/')[0]}" for room in ROOMS_OF_ONE_IDEA)
    code = (
        f"import sys, {rooms}; print(*sorted(name for name in sys.modules if name.startswith('videoreid')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        cwd=package.parent,
        timeout=120,
        check=True,
    )
    return set(done.stdout.split())


def unlisted(package: Path) -> list[str]:
    """Return the public files that neither their room nor any statement of the package imports."""
    used = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    loaded = modules_after_import(package) | set(
        re.findall(r"^ *from (videoreid[.\w]+) import ", used, re.MULTILINE)
    )
    files = [path for room in ROOMS_OF_ONE_IDEA for path in sorted((package / room).glob("[!_]*.py"))]
    names = [".".join(path.relative_to(package.parent).with_suffix("").parts) for path in files]
    assert len(names) > 50
    return [name for name in names if name not in loaded]


def test_every_public_file_is_imported_with_its_room() -> None:
    assert unlisted(PACKAGE) == [], "list these files in the __init__ of their room"


def test_the_guard_sees_files_that_are_listed_nowhere(tmp_path: Path) -> None:
    copy = tmp_path / "videoreid"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    planted = [
        "data/datasets/unlisted_toyvid.py",
        "losses/unlisted_toyloss.py",
        "models/unlisted_toynet.py",
        "models/temporal/unlisted_toyhead.py",
    ]
    for place in planted:
        (copy / place).write_text("")
    assert unlisted(copy) == [f"videoreid.{place[:-3].replace('/', '.')}" for place in planted]


@pytest.mark.parametrize("name", sorted(path.stem for path in (PACKAGE / "cli").glob("[!_]*.py")))
def test_every_command_module_is_listed_and_complete(name: str) -> None:
    assert name in videoreid.cli._COMMANDS
    module = importlib.import_module(f"videoreid.cli.{name}")
    assert module.HELP
    assert callable(module.add_arguments)
    assert callable(module.run)


def test_every_listed_command_has_a_file() -> None:
    assert set(videoreid.cli._COMMANDS) == {path.stem for path in (PACKAGE / "cli").glob("[!_]*.py")}


def test_every_dataset_file_registers_a_dataset_of_its_name() -> None:
    code = (
        "from videoreid.data.datasets.base import DATASETS; import videoreid.data.datasets;"
        "print(*(f'{n}={DATASETS[n].__module__}' for n in DATASETS))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    registered = dict(pair.split("=") for pair in done.stdout.split())
    for path in (PACKAGE / "data" / "datasets").glob("[!_]*.py"):
        if "\n@register_" in path.read_text(encoding="utf-8") and path.stem != "lip":
            assert registered.pop(path.stem, None) == f"videoreid.data.datasets.{path.stem}", (
                f"{path.name} must register a dataset under its own name"
            )
    assert not registered, f"registered in no file of their own name: {sorted(registered)}"
