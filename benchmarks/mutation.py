"""Damage the code a little, run the tests that cover it, and count how often they notice (mutation testing).

Each mutant changes one comparison, operator, number or truth value of one module; no file changes. A first run
without a mutant records which tests call which functions. A mutant inside a function is put into the function of a
forked process that has collected the tests: the tests that call the function run first, the others only if it
survives them. What runs at import (numbers of records, defaults, functions that are called while modules load) needs
a process that has not loaded the module: the import system gives it the mutated source. A mutant is killed when a
test or the collection fails, or when the tests take more than ten times their processor time. Survivors are listed; a
reader decides whether one is equivalent to the original (`EQUIVALENT`).

The record is written after every mutant. The same command goes on where an earlier one ended, and tries a mutant
again only if its module, or for a survivor its tests, have changed.

    python benchmarks/mutation.py --mutants 40            # of each group
    python benchmarks/mutation.py --group losses --mutants 0    # all of one group

Needs a system with fork and Python 3.11. Results: benchmarks/results/mutation.json.
"""

import argparse
import ast
import copy
import gc
import hashlib
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "mutation.json"
GROUPS = {
    "losses": (["videoreid/losses"], ["tests/losses", "tests/optim/test_centers.py"]),
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
            "tests/recipes/test_running.py",
            "tests/cli/test_st.py",
        ],
    ),
}
EQUIVALENT = RESULTS.with_name("mutation_equivalent.json")
"""Survivors that a reader found to be equal to the original in every result, with the reason, by description."""

LOADED = {
    "recipes": [
        f"videoreid.{room}" for room in ("data.datasets", "engine", "losses", "metrics", "models", "optim")
    ]
}
"""What a group's processes load before they fork: nothing that imports what is mutated."""

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


class SourceFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives modules other sources than their files hold."""

    def __init__(self, sources: Mapping[Path, str]) -> None:
        self.sources = {}
        for path, source in sources.items():
            parts = path.relative_to(ROOT).with_suffix("").parts
            package = parts[-1] == "__init__"
            self.sources[".".join(parts[:-1] if package else parts)] = path, source, package

    def find_spec(self, name: str, paths: object, target: object = None) -> object:
        if name not in self.sources:
            return None
        path, _, package = self.sources[name]
        where = [str(path.parent)] if package else None
        return importlib.util.spec_from_file_location(
            name, path, loader=self, submodule_search_locations=where
        )

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        path, source, _ = self.sources[module.__name__]
        exec(compile(source, str(path), "exec"), module.__dict__)


class CallRecorder:
    """Notes which functions of the given modules are called.

    Args:
        files: the modules.
    """

    def __init__(self, files: list[Path]) -> None:
        self.files = {str(path) for path in files}
        self.called: set[str] = set()

    def _hear(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename in self.files:
            self.called.add(f"{code.co_filename}:{code.co_qualname}")

    def __enter__(self) -> set[str]:
        self.called = set()
        threading.setprofile(self._hear)
        sys.setprofile(self._hear)
        return self.called

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


@dataclass
class Suite:
    """The tests of a group.

    Args:
        calls: by test, the functions that it calls.
        seconds: by test, its processor time.
        early: functions that are called before the first test.
    """

    calls: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    early: list[str] = field(default_factory=list)

    def order(self, function: str) -> list[str]:
        """Return the tests that call a function (``path:name``), then the others; quick files and tests first."""
        files: dict[str, float] = {}
        for nodeid, seconds in self.seconds.items():
            files[nodeid.partition("::")[0]] = files.get(nodeid.partition("::")[0], 0.0) + seconds

        def rank(nodeid: str) -> tuple[bool, float, str, float]:
            file = nodeid.partition("::")[0]
            return not _calls(self.calls[nodeid], function), files[file], file, self.seconds[nodeid]

        return sorted(self.calls, key=rank)

    @property
    def limit(self) -> int:
        """Processor seconds that a mutant may take."""
        return int(10 * sum(self.seconds.values()) + 60)


def _calls(called: list[str], function: str) -> bool:
    return any(name == function or name.startswith(f"{function}.<locals>.") for name in called)


def in_child(work: Callable[[], int], limit: int) -> int:
    """Run something in a forked process; return its status, or -1 where the process was ended."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            shutil.rmtree(os.environ["HYPOTHESIS_STORAGE_DIRECTORY"], ignore_errors=True)
            status = work()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else -1


def run_pytest(tests: list[str], plugin: object) -> int:
    """Run pytest on files and folders with a plugin; return its status."""
    import pytest

    options = [
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-p",
        "no:timeout",
        "--rootdir",
        str(ROOT),
    ]
    return int(pytest.main([*options, *(str(ROOT / test) for test in tests)], plugins=[plugin]))


def run_items(session: Any, items: list[Any], heard: Callable[[str], Any] | None = None) -> int:
    """Run collected tests until one fails; return 1 where one did."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        if heard is not None:
            heard(item.nodeid)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


class Chooser:
    """A pytest plugin that runs the collected tests in an order."""

    def __init__(self, order: list[str]) -> None:
        self.places = {nodeid: place for place, nodeid in enumerate(order)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: self.places.get(item.nodeid, 0))


class Server:
    """A pytest plugin that tries mutants instead of running the collected tests.

    Args:
        files: the modules of the group.
        mutants: inside functions.
        note: where the first run leaves what it heard.
        tell: takes a mutant and whether it was killed.
    """

    def __init__(
        self,
        files: list[Path],
        mutants: list[Mutant],
        note: Path,
        tell: Callable[[Mutant, bool, float], None],
    ) -> None:
        self.recorder = CallRecorder(files)
        self.mutants, self.note, self.tell = mutants, note, tell

    def pytest_runtestloop(self, session: Any) -> bool:
        self.recorder.__exit__()
        early = sorted(self.recorder.called)
        items = {item.nodeid: item for item in session.items}
        if in_child(lambda: self._first_run(session, early), 36000) != 0:
            return True
        suite = Suite(**json.loads(self.note.read_text(encoding="utf-8")))
        for mutant in self.mutants:
            name = f"{mutant.path}:{mutant.function}"
            if _calls(early, name):
                continue
            began = time.monotonic()
            chosen = [items[nodeid] for nodeid in suite.order(name)]

            def work(mutant: Mutant = mutant, chosen: list[Any] = chosen) -> int:
                return run_items(session, chosen) if put_in_place(mutant) else 99

            status = in_child(work, suite.limit)
            if status != 99:
                self.tell(mutant, status != 0, time.monotonic() - began)
        return True

    def _first_run(self, session: Any, early: list[str]) -> int:
        suite = Suite(early=early)
        for item, following in zip(session.items, [*session.items[1:], None], strict=True):
            began = time.process_time()
            with self.recorder as called:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return 1
            suite.calls[item.nodeid] = sorted(called)
            suite.seconds[item.nodeid] = time.process_time() - began
        self.note.write_text(json.dumps(suite.__dict__), encoding="utf-8")
        return 0


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)


def put_in_place(mutant: Mutant) -> bool:
    """Give the loaded function of a mutant its mutated code; return whether there is such a function."""
    outermost = mutant.function.partition(".<locals>.")[0]
    source = compile(mutated_source(mutant.path, mutant.index), str(mutant.path), "exec")
    codes = {
        code.co_firstlineno: code for code in codes_of(source) if code.co_qualname == outermost
    }  # ast.unparse puts original and mutant on the same lines
    found = False
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType):
            code = thing.__code__
            if code.co_filename == str(mutant.path) and code.co_qualname == outermost:
                thing.__code__ = codes[code.co_firstlineno]
                found = True
    return found


def run_group(name: str, count: int, seed: int, results: Path) -> None:
    """Try mutants of one group; write what became of them after each."""
    places, tests = GROUPS[name]
    roots = [ROOT / place for place in places]
    files = [path for root in roots for path in (sorted(root.rglob("*.py")) if root.is_dir() else [root])]
    every = [mutant for path in files for mutant in mutants_of(path)]
    chosen = every if count == 0 or count >= len(every) else random.Random(seed).sample(every, count)
    record = Record(name, results, files, tests, chosen, {"mutants": len(every), "seed": seed})
    record.write()
    if not record.open():
        return
    for module in LOADED.get(name, []):
        importlib.import_module(module)
    sources = {path: mutated_source(path, None) for path in files}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = f"{folder}/hypothesis"
        note = Path(folder) / "suite.json"
        inside = [mutant for mutant in record.open() if mutant.function]

        def serve() -> int:
            sys.meta_path.insert(0, SourceFinder(sources))
            server = Server(files, inside, note, record.tell)
            server.recorder.__enter__()
            return run_pytest(tests, server)

        in_child(serve, 360000)
        if not note.exists():
            raise SystemExit(f"the tests fail without any mutant: {' '.join(tests)}")
        suite = Suite(**json.loads(note.read_text(encoding="utf-8")))
        record.read()
        for mutant in record.open():
            began = time.monotonic()

            def work(mutant: Mutant = mutant) -> int:
                mutated = {**sources, mutant.path: mutated_source(mutant.path, mutant.index)}
                sys.meta_path.insert(0, SourceFinder(mutated))
                order = suite.order(f"{mutant.path}:{mutant.function}")
                files = list(dict.fromkeys(nodeid.partition("::")[0] for nodeid in order))
                return run_pytest(files, Chooser(order))

            status = in_child(work, suite.limit)
            record.tell(mutant, status != 0, time.monotonic() - began)


class Record:
    """What became of the mutants of a group, in a file that several groups share.

    Args:
        name: of the group.
        path: the file.
        files: the modules of the group.
        tests: its files and folders of tests.
        chosen: the mutants to try.
        about: further figures for the file.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        files: list[Path],
        tests: list[str],
        chosen: list[Mutant],
        about: dict[str, int],
    ) -> None:
        self.name, self.path, self.chosen, self.about, self.tests = name, path, chosen, about, tests
        self.modules = {str(file.relative_to(ROOT)): content_of([file]) for file in files}
        places = [ROOT / test for test in tests]
        self.content = content_of(
            [file for place in places for file in (sorted(place.rglob("*.py")) or [place])]
        )
        self.reasons = json.loads(EQUIVALENT.read_text(encoding="utf-8")) if EQUIVALENT.exists() else {}
        self.verdicts: dict[str, str] = {}
        self.terminal = os.dup(1)  # pytest, and what silences it, leave this one alone
        self.read()

    def read(self) -> None:
        """Take from the file what still holds."""
        record = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        held = record.get(self.name, {})
        for mutant in self.chosen:
            module = str(mutant.path.relative_to(ROOT))
            verdict = held.get("verdicts", {}).get(mutant.words)
            same = held.get("modules", {}).get(module) == self.modules[module]
            if verdict and same and (verdict == "killed" or held.get("test_content") == self.content):
                self.verdicts[mutant.words] = verdict

    def open(self) -> list[Mutant]:
        """Return the mutants that are still to try; one that is equivalent by reading is not tried."""
        done = {*self.verdicts, *self.reasons}
        return [mutant for mutant in self.chosen if mutant.words not in done]

    def tell(self, mutant: Mutant, killed: bool, seconds: float) -> None:
        """Note what became of a mutant."""
        self.verdicts[mutant.words] = "killed" if killed else "survived"
        verdict, left = self.verdicts[mutant.words], len(self.open())
        words = f"{self.name} {left} left: {verdict} {seconds:.1f}s {mutant.words}"
        os.write(self.terminal, f"{words}\n".encode())
        self.write()

    def write(self) -> None:
        """Put the figures of the group into the file."""
        words = [mutant.words for mutant in self.chosen]
        equivalent = [each for each in words if each in self.reasons and self.verdicts.get(each) != "killed"]
        killed = [each for each in words if self.verdicts.get(each) == "killed"]
        survived = [
            each for each in words if self.verdicts.get(each) == "survived" and each not in equivalent
        ]
        figures = {
            "chosen": len(words),
            "tried": len(killed) + len(survived) + len(equivalent),
            "equivalent": len(equivalent),
            "killed": len(killed),
            "killed_share": round(len(killed) / max(len(killed) + len(survived), 1), 4),
            "survivors": survived,
            "tests": self.tests,
            "test_content": self.content,
            "modules": self.modules,
            "verdicts": {each: self.verdicts[each] for each in words if each in self.verdicts},
        }
        write_group(self.name, {**self.about, **figures}, self.path)


def write_group(name: str, group: Mapping[str, Any], results: Path) -> None:
    """Put the figures of a group into the record, which several processes may hold at once."""
    record = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    record[name] = group
    partial = results.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.replace(results)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--group", choices=GROUPS, action="append", help="default: all")
    parser.add_argument("--mutants", type=int, default=40, help="of each group, drawn at random; 0 takes all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args()
    preload()
    for name in (
        args.group or GROUPS
    ):  # each in a process of its own, which loads what others must not have loaded
        child = os.fork()
        if child == 0:
            try:
                run_group(name, args.mutants, args.seed, args.results)
            except BaseException as error:
                print(f"{name}: {error!r}", flush=True)
                os._exit(1)
            os._exit(0)
        os.waitpid(child, 0)


def preload() -> None:
    """Load what is not mutated before the fork, so that no child loads it."""
    import cv2
    import h5py  # noqa: F401
    import hypothesis  # noqa: F401
    import numpy  # noqa: F401
    import pytest  # noqa: F401
    import scipy.io
    import scipy.ndimage
    import scipy.special  # noqa: F401
    import torch
    import torchvision.transforms.v2  # noqa: F401

    torch.set_num_threads(1)
    cv2.setNumThreads(0)


if __name__ == "__main__":
    main()
