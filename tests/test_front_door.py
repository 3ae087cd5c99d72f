"""`import videoreid as vr` offers the usual names, lazily, and tells editors about them."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import videoreid

SOURCE = Path(videoreid.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(videoreid._NAMES))
def test_a_name_is_that_of_its_room(name: str) -> None:
    room = importlib.import_module(f"videoreid.{videoreid._NAMES[name]}")
    assert getattr(videoreid, name) is getattr(room, name)
    assert name in room.__all__


def test_all_names_are_listed_and_completed() -> None:
    assert set(videoreid.__all__) == {*videoreid._NAMES, "__version__"}
    assert {*videoreid._NAMES, *videoreid._ROOMS} <= set(dir(videoreid))


def test_editors_see_every_name_from_its_room() -> None:
    block = next(node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"videoreid.{room}" for name, room in videoreid._NAMES.items()}


def test_importing_the_front_door_imports_no_room() -> None:
    code = (
        "import sys, videoreid; dir(videoreid);"
        "rooms = [n for n in sys.modules if n.startswith('videoreid.') and n != 'videoreid._version'];"
        "print(rooms, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "[] False\n"
    assert done.stderr == ""
