"""The floor plan of docs/architecture.md, read off the import statements."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "videoreid"
FLOOR_0 = {"types", "ranked_gallery", "ranking", "registry", "errors", "utils", "_version"}
FLOOR_1 = FLOOR_0 | {"distances", "functional", "synthetic_world"}
MAY_IMPORT = {
    **dict.fromkeys(FLOOR_0, FLOOR_0),
    "distances": FLOOR_0,
    "functional": FLOOR_0 | {"distances"},
    "synthetic_world": FLOOR_0,
    **dict.fromkeys(("data", "models", "losses", "metrics", "optim"), FLOOR_1),
    "footage": FLOOR_1 | {"data"},
    "parsing": FLOOR_1 | {"data", "models"},
    "retrieval": FLOOR_1 | {"metrics"},
    "visual": FLOOR_1 | {"inference", "metrics", "models"},
    "inference": FLOOR_1 | {"metrics", "models"},
    "engine": FLOOR_1 | {"data", "footage", "inference", "losses", "metrics", "models", "optim", "retrieval"},
    "indexing": FLOOR_1 | {"data", "models", "footage", "retrieval"},
    "analysis": FLOOR_1 | {"metrics", "retrieval", "parsing", "visual"},
    "export": FLOOR_1 | {"models"},
    "tuning": FLOOR_1 | {"data", "metrics", "engine"},
    "reporting": FLOOR_1 | {"data", "engine", "metrics", "retrieval", "visual"},
    "recipes": FLOOR_1 | {"data", "models", "losses", "optim", "metrics", "engine", "retrieval"},
}
ROOF = {"cli", "torchreid", "__main__", "__init__"}
FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Return all names imported from this package, as absolute paths (``from a import b`` gives ``a.b``).

    Imports inside functions and under TYPE_CHECKING count: a ring that is hidden there is a ring.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package) if node.level else ""
            source = ".".join(part for part in (base, node.module or "") if part)
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "videoreid"}


def named_in_strings(path: Path) -> list[str]:
    """Return strings that name a module of this package and are not docstrings: imports by name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    loaders = [
        call for call in calls if ast.unparse(call.func).split(".")[-1] in {"import_module", "__import__"}
    ]
    return [
        ast.unparse(call)
        for call in loaders
        if "videoreid" in ast.unparse(call) or "__name__" in ast.unparse(call)
    ]


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_module_imports_only_what_its_floor_allows(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in ROOF:
        return
    assert room in MAY_IMPORT, f"{path} stands in no room of the floor plan"
    for name in imports_of(path):
        assert name != "videoreid", f"{path} imports the package root"
        other = name.split(".")[1]
        assert other == room or other in MAY_IMPORT[room], f"{room} may not import {name} ({path})"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_no_import_by_name(path: Path) -> None:
    if path.name != "__init__.py" and path.relative_to(PACKAGE).parts[0] != "cli":
        assert named_in_strings(path) == [], "import the module in a statement, so that its arrow is seen"


def test_hidden_imports_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    hidden = tmp_path / "videoreid" / "hidden.py"
    hidden.parent.mkdir()
    hidden.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from videoreid.a import b\n"
        "def f():\n    import videoreid.c\n    return import_module('videoreid.d')\n"
    )
    assert imports_of(hidden) == {"videoreid.a.b", "videoreid.c"}
    assert named_in_strings(hidden) == ["import_module('videoreid.d')"]


def resolve(name: str, modules: set[str]) -> str | None:
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def test_no_import_cycles() -> None:
    modules = {module_name(path) for path in FILES}
    graph: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        here = module_name(path)
        for name in imports_of(path):
            target = resolve(name, modules)
            # ``from package import member`` needs the package only when the member is not a module of its own
            if target and target != here:
                graph[here].add(target)
    assert find_cycle(graph) is None


def find_cycle(graph: dict[str, set[str]]) -> list[str] | None:
    done: set[str] = set()
    for start in list(graph):
        stack: list[tuple[str, list[str]]] = [(start, [start])]
        while stack:
            node, trail = stack.pop()
            for nxt in graph.get(node, ()):
                if nxt == start:
                    return [*trail, start]
                if nxt not in done and nxt not in trail:
                    stack.append((nxt, [*trail, nxt]))
        done.add(start)
    return None


def test_the_cycle_finder_finds_a_cycle() -> None:
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}}) is None
