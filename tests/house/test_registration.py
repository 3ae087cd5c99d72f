"""Adding a model, a dataset or a command is one new file and one line."""

import importlib
import re
from pathlib import Path

import videoreid.cli
from videoreid.data.datasets.base import DATASETS
from videoreid.models import MODELS

PACKAGE = Path(videoreid.cli.__file__).parents[1]


def test_every_command_module_is_listed_and_complete() -> None:
    files = {path.stem for path in (PACKAGE / "cli").glob("[!_]*.py")}
    assert files == set(videoreid.cli._COMMANDS)
    for name in files:
        module = importlib.import_module(f"videoreid.cli.{name}")
        assert module.HELP
        assert callable(module.add_arguments)
        assert callable(module.run)


def test_every_file_that_registers_a_model_is_imported() -> None:
    registered = {factory.__module__.rsplit(".", 1)[-1] for factory in (MODELS[name] for name in MODELS)}
    for path in (PACKAGE / "models").glob("[!_]*.py"):
        if "@MODELS.register" in path.read_text(encoding="utf-8"):
            assert path.stem in registered, (
                f"{path.name} registers models but models/__init__.py does not import it"
            )


def test_every_dataset_file_is_registered() -> None:
    # other tests may register datasets of their own in this process
    known = {name for name in DATASETS if DATASETS[name].__module__.startswith("videoreid.data.datasets.")}
    for path in (PACKAGE / "data" / "datasets").glob("[!_]*.py"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"^@register_dataset\(", text, re.MULTILINE):
            assert path.stem in known, f"{path.name} must register a dataset under its own name"
            known.discard(path.stem)
    assert not known, f"registered in no file of their own name: {sorted(known)}"
