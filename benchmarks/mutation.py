"""Run mutation testing: change the code a little, run the tests that cover it, and count how often they fail.

Each mutant changes one comparison, operator, number or truth value of one module. The tests of its group run in a
forked process that has already loaded PyTorch, and the mutated source is given to the import system, so that no file
is changed. A mutant is killed when a test fails, when collection fails, or when the tests take more than ten times as
long as without it. Survivors are listed; a reader decides which of them are equivalent to the original
(`EQUIVALENT`).

    python benchmarks/mutation.py --mutants 40            # of each group
    python benchmarks/mutation.py --group losses --mutants 0    # all of one group

Needs a system with fork. Results: benchmarks/results/mutation.json.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "mutation.json"
GROUPS = {
    "losses": (["videoreid/losses"], ["tests/losses"]),
    "ranking": (
        ["videoreid/metrics/ranking", "videoreid/metrics/precision.py"],
        ["tests/metrics/ranking", "tests/metrics/test_precision.py"],
    ),
    "sampling": (["videoreid/data/sampling"], ["tests/data/test_sampling.py"]),
    "presets": (["videoreid/data/transforms/presets.py"], ["tests/data/test_transforms_presets.py"]),
    "protocols": (["videoreid/metrics/ranking/protocols.py"], ["tests/metrics/ranking"]),
    "recipes": (
        ["videoreid/recipes"],
        [
            "tests/recipes/test_published_numbers.py",
            "tests/recipes/test_building.py",
            "tests/recipes/test_page.py",
            "tests/cli/test_st.py",
        ],
    ),
}
EQUIVALENT = RESULTS.with_name("mutation_equivalent.json")
"""Survivors that a reader found to be equal to the original in every result, with the reason, by description."""

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


def mutants_of(path: Path) -> list[tuple[str, int]]:
    """Return ``(description, number of the node)`` of every mutant of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for index, node in enumerate(mutable_nodes(tree)):
        twin = copy.deepcopy(node)
        if mutate(twin):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            found.append((f"{where} {ast.unparse(node)[:80]} -> {ast.unparse(twin)[:80]}", index))
    return found


def mutated_source(path: Path, index: int) -> str:
    """Return the source of a module with one node changed."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    mutate(next(node for place, node in enumerate(mutable_nodes(tree)) if place == index))
    return ast.unparse(ast.fix_missing_locations(tree))


class MutantFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module its mutated source."""

    def __init__(self, path: Path, source: str) -> None:
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.package else parts)
        self.path, self.source = path, source

    def find_spec(self, name: str, paths: object, target: object = None) -> object:
        if name != self.name:
            return None
        where = [str(self.path.parent)] if self.package else None
        return importlib.util.spec_from_file_location(
            name, self.path, loader=self, submodule_search_locations=where
        )

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, str(self.path), "exec"), module.__dict__)


def run_tests(tests: list[str], finder: MutantFinder | None, limit: float) -> tuple[bool, float]:
    """Run tests in a forked process; return whether they all passed, and the seconds they took."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            if finder is not None:
                sys.meta_path.insert(0, finder)
            import pytest

            options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
            status = int(pytest.main([*options, *(str(ROOT / test) for test in tests)]))
        finally:
            os._exit(status)
    while time.monotonic() - began < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0, time.monotonic() - began
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False, limit


def run_group(name: str, count: int, seed: int) -> dict:
    """Try mutants of one group and return what became of them."""
    places, tests = GROUPS[name]
    roots = [ROOT / place for place in places]
    files = [path for root in roots for path in (sorted(root.rglob("*.py")) if root.is_dir() else [root])]
    every = [(path, *mutant) for path in files for mutant in mutants_of(path)]
    chosen = every if count == 0 or count >= len(every) else random.Random(seed).sample(every, count)
    passed, seconds = run_tests(tests, None, 3600)
    if not passed:
        raise SystemExit(f"the tests of {name} fail without any mutant: {' '.join(tests)}")
    reasons = json.loads(EQUIVALENT.read_text(encoding="utf-8")) if EQUIVALENT.exists() else {}
    survivors = []
    for number, (path, words, index) in enumerate(chosen, start=1):
        finder = MutantFinder(path, mutated_source(path, index))
        alive, took = run_tests(tests, finder, 10 * seconds + 30)
        if alive:
            survivors.append(words)
        print(
            f"{name} {number}/{len(chosen)} {'SURVIVED' if alive else 'killed'} {took:.0f}s {words}",
            flush=True,
        )
    real = [words for words in survivors if words not in reasons]
    tried = len(chosen) - (len(survivors) - len(real))
    killed = len(chosen) - len(survivors)
    return {
        "mutants": len(every),
        "tried": len(chosen),
        "equivalent": len(survivors) - len(real),
        "killed": killed,
        "killed_share": round(killed / max(tried, 1), 4),
        "survivors": real,
        "tests": tests,
        "seed": seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--group", choices=GROUPS, action="append", help="default: all")
    parser.add_argument(
        "--mutants", type=int, default=40, help="mutants of each group, drawn at random; 0 takes all"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    import numpy  # noqa: F401 - loaded before the fork, so that no child loads them
    import pytest  # noqa: F401
    import scipy.io  # noqa: F401
    import torch
    import torchvision  # noqa: F401

    torch.set_num_threads(1)
    for name in args.group or GROUPS:
        results = json.loads(args.results.read_text(encoding="utf-8")) if args.results.exists() else {}
        results[name] = run_group(name, args.mutants, args.seed)
        args.results.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
