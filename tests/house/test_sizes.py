"""A module past 400 lines, a class past 200 or a function past 40 lines of code holds two concepts."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path for room in ("videoreid", "examples", "benchmarks") for path in (ROOT / room).rglob("*.py")
)


def code_lines(node: ast.AST, source: list[str]) -> int:
    """Return the lines of a definition without its docstring, blank lines and comments."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    skipped: set[int] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(
            inner
        ):
            text = inner.body[0]
            skipped |= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    numbers = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    lines = [source[n - 1].strip() for n in numbers if n not in skipped]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def too_long(text: str) -> list[str]:
    """Return what is over its bound in the source of a module."""
    source = text.splitlines()
    found = [f"{len(source)} lines"] if len(source) > 400 else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno + 1 > 200:
            found.append(f"class {node.name} in line {node.lineno} has more than 200 lines")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and code_lines(node, source) > 40:
            found.append(f"{node.name} in line {node.lineno} has more than 40 lines of code")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path: Path) -> None:
    assert too_long(path.read_text(encoding="utf-8")) == []


def test_the_bounds_bind() -> None:
    body = "    x = 1\n"
    assert too_long("def f():\n" + 39 * body) == []
    assert too_long("def f():\n" + 40 * body) == ["f in line 1 has more than 40 lines of code"]
    assert too_long('def f():\n    """One.\n' + 50 * "\n" + '    """\n' + 38 * body) == []
    assert too_long("class C:\n" + 200 * body) == ["class C in line 1 has more than 200 lines"]
    assert too_long("x = 1\n" * 401) == ["401 lines"]
