"""Tests on mutated code: in processes that have collected them, or that have not loaded the module yet."""

import gc
import importlib.abc
import importlib.util
import json
import os
import resource
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from mutants import ROOT, Mutant, mutated_source


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
