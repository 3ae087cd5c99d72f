"""The floor plan of docs/architecture.md, read off the import statements."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "videoreid"
FLOOR_0 = {"types", "ranking", "distances", "functional", "registry", "errors", "compat", "utils", "_version"}
MAY_IMPORT = {
    "data": FLOOR_0,
    "models": FLOOR_0,
    "losses": FLOOR_0,
    "metrics": FLOOR_0,
    "optim": FLOOR_0,
    "retrieval": FLOOR_0 | {"metrics"},
    "visual": FLOOR_0 | {"metrics"},
    "engine": FLOOR_0 | {"losses", "metrics", "models", "optim"},
    **dict.fromkeys(FLOOR_0, FLOOR_0),
}
ROOF = {"cli", "__main__", "__init__"}
FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, *, top_level_only: bool) -> set[str]:
    """Return the names imported from this package, as absolute module paths (``from a import b`` gives ``a.b``)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    nodes = top_level_statements(tree) if top_level_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package) if node.level else ""
            source = ".".join(part for part in (base, node.module or "") if part)
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "videoreid"}


def top_level_statements(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that run on import, without those under ``if TYPE_CHECKING``."""
    out: list[ast.stmt] = []
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        out.append(node)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                pending += [child for child in getattr(node, name, []) if isinstance(child, ast.stmt)]
    return out


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_module_imports_only_what_its_floor_allows(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in ROOF:
        return
    assert room in MAY_IMPORT, f"{path} stands in no room of the floor plan"
    for name in imports_of(path, top_level_only=False):
        assert name != "videoreid", f"{path} imports the package root"
        other = name.split(".")[1]
        assert other == room or other in MAY_IMPORT[room], f"{room} may not import {name} ({path})"


def resolve(name: str, modules: set[str]) -> str | None:
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def test_no_import_cycles() -> None:
    modules = {module_name(path) for path in FILES}
    graph: dict[str, set[str]] = defaultdict(set)
    for path in FILES:
        here = module_name(path)
        for name in imports_of(path, top_level_only=True):
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
