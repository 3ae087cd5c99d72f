"""Mutants of a module: one comparison, operator, number or truth value changed."""

import ast
import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def mutable_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what a mutant may change: nothing of annotations, errors that are raised, texts, or ``__all__``."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "type_comment"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or isinstance(node, ast.Raise | ast.Import | ast.ImportFrom):
                continue
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                continue
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Subscript):
                continue  # an alias of a type
            yield node
            yield from mutable_nodes(node)


def mutate(node: ast.AST) -> bool:
    """Change a node in place; return whether there was anything to change."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        node.ops[0] = SWAPS[type(node.ops[0])]()
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.left, ast.Constant)
            and isinstance(node.left.value, str)
        ):
            return False
        node.op = SWAPS[type(node.op)]()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.op = ast.UAdd()
        node.operand = ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        node.value = node.value + 1 if isinstance(node.value, int) else node.value * 1.1 + 1e-9
    else:
        return False
    return True


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Args:
        path: of the module.
        index: of the changed node among `mutable_nodes`.
        words: the change, with the statement it is in; no line number, so that edits elsewhere keep the name.
        function: qualified name of the function it is in; empty for what runs at import.
    """

    path: Path
    index: int
    words: str
    function: str


def places_of(tree: ast.Module) -> dict[int, tuple[str, ast.stmt]]:
    """Return the qualified name of the function and the statement of every node, by its identity."""
    places: dict[int, tuple[str, ast.stmt]] = {}

    def visit(node: ast.AST, scope: str, function: str, statement: ast.stmt | None, outer: str = "") -> None:
        for child in ast.iter_child_nodes(node):
            inner_scope, inner_function = scope, function
            inner_statement = child if isinstance(child, ast.stmt) else statement
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                inner_function = f"{scope}{child.name}"
                inner_scope = f"{inner_function}.<locals>."
            elif isinstance(child, ast.ClassDef):
                inner_scope = f"{scope}{child.name}."
            if inner_statement is not None:
                places[id(child)] = inner_function, inner_statement
            visit(child, inner_scope, inner_function, inner_statement, function)
        early: list[ast.AST] = list(getattr(node, "decorator_list", []))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            early += [value for value in (*node.args.defaults, *node.args.kw_defaults) if value is not None]
        outside = places[id(node)][0] if isinstance(node, ast.Lambda) else outer
        for part in (part for root in early for part in ast.walk(root)):
            places[id(part)] = outside, places[id(node)][1]

    visit(tree, "", "", None)
    return places


def mutants_of(path: Path) -> list[Mutant]:
    """Return every mutant of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    places = places_of(tree)
    found: list[Mutant] = []
    seen: dict[str, int] = {}
    for index, node in enumerate(mutable_nodes(tree)):
        twin = copy.deepcopy(node)
        if not mutate(twin):
            continue
        function, statement = places[id(node)]
        where = " ".join(ast.unparse(statement).split())
        change = f"{ast.unparse(node)[:80]} -> {ast.unparse(twin)[:80]}"
        words = f"{path.relative_to(ROOT)} {function or 'module'} | {where[:100]} | {change}"
        seen[words] = seen.get(words, 0) + 1
        if seen[words] > 1:
            words = f"{words} | {seen[words]}"
        found.append(Mutant(path, index, words, function))
    return found


def mutated_source(path: Path, index: int | None) -> str:
    """Return the source of a module with one node changed, or with none."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if index is not None:
        mutate(next(node for place, node in enumerate(mutable_nodes(tree)) if place == index))
    return ast.unparse(ast.fix_missing_locations(tree))


def content_of(paths: list[Path]) -> str:
    """Return a checksum of modules that comments and docstrings do not change."""
    digest = hashlib.sha256()
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value = ast.Constant(None)
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]
