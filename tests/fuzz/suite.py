"""Run mutants of every format in child processes with limits of time and memory, and print what became of them.

``python tests/fuzz/suite.py --mutants 400`` prints the table of docs/checked.md.
"""

import argparse
import os
import pickle
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mutants import mutate
from readers import FORMATS, Format

__all__ = ["COLUMNS", "Outcome", "run_format", "table"]

COLUMNS = ("clear", "foreign", "same", "different", "crash", "hang", "memory")
MEMORY = 6 << 30
SECONDS = 20.0


@dataclass
class Outcome:
    """What became of the mutants of one format.

    Args:
        counts: by column of the table.
        examples: of everything but "clear" and "same": (column, number of the mutant, what was raised).
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, int, str]] = field(default_factory=list)

    def note(self, column: str, number: int, text: str) -> None:
        self.counts[column] += 1
        if column not in ("clear", "same"):
            self.examples.append((column, number, text))


def run_format(name: str, mutants: range, seconds: float = SECONDS) -> Outcome:
    """Read the mutants of a format, each process many of them, and a new one after a crash or a hang."""
    form, outcome = FORMATS[name], Outcome()
    with tempfile.TemporaryDirectory() as place:
        path = form.make(Path(place))
        sound, expected = path.read_bytes(), form.read(path)
        if not _same(form.read(path), expected):
            raise RuntimeError(f"{name}: two readings of the sound file differ")
        number = mutants.start
        while number < mutants.stop:
            number = _child(form, path, sound, expected, range(number, mutants.stop), outcome, seconds)
    return outcome


def _same(one: object, other: object) -> bool:
    return pickle.dumps(one) == pickle.dumps(other) or repr(one) == repr(other)


def _child(
    form: Format, path: Path, sound: bytes, expected: object, mutants: range, outcome: Outcome, seconds: float
) -> int:
    """Read mutants in one forked process; return the number of the next one to read."""
    receive, send = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(receive)
        _read_all(form, path, sound, expected, mutants, send)
    os.close(send)
    number = mutants.start
    with os.fdopen(receive, "rb") as pipe:
        lines = _Lines(pipe)
        while number < mutants.stop:
            line = lines.next(seconds)
            if line is None:
                break
            column, text = line.split("|", 1)
            outcome.note(column, number, text)
            number += 1
        hung = lines.hung
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if number < mutants.stop:
        if hung:
            outcome.note("hang", number, f"more than {seconds} s")
        else:
            outcome.note("crash", number, f"status {status}")
        number += 1
    return number


class _Lines:
    """Lines of a pipe, each within a time."""

    def __init__(self, pipe) -> None:
        self.pipe, self.rest, self.hung = pipe, b"", False

    def next(self, seconds: float) -> str | None:
        import select

        until = time.monotonic() + seconds
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.pipe], [], [], max(until - time.monotonic(), 0))
            if not ready:
                self.hung = True
                return None
            block = os.read(self.pipe.fileno(), 1 << 16)
            if not block:
                return None
            self.rest += block
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode(errors="replace")


def _read_all(form: Format, path: Path, sound: bytes, expected: object, mutants: range, send: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    warnings.simplefilter("ignore")
    for number in mutants:
        path.write_bytes(mutate(sound, number))
        column, text = _judge(form, path, expected)
        os.write(send, f"{column}|{' '.join(text.split())[:300]}\n".encode(errors="replace"))
    os._exit(0)


def _judge(form: Format, path: Path, expected: object) -> tuple[str, str]:
    from videoreid.errors import VideoReIDError

    try:
        found = form.read(path)
    except VideoReIDError as error:
        return "clear", str(error)
    except MemoryError as error:
        return "memory", repr(error)
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return "foreign", f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
    return ("same", "") if _same(found, expected) else ("different", "")


def table(outcomes: dict[str, Outcome]) -> str:
    """Return the table in Markdown, its sums below."""
    lines = [
        "| format | mutants | " + " | ".join(COLUMNS) + " | checksum |",
        "|---" * (len(COLUMNS) + 3) + "|",
    ]
    total: Counter[str] = Counter()
    for name, outcome in outcomes.items():
        total.update(outcome.counts)
        cells = [str(outcome.counts[column]) for column in COLUMNS]
        covered = "yes" if FORMATS[name].checked else "no"
        lines.append(f"| {name} | {outcome.counts.total()} | {' | '.join(cells)} | {covered} |")
    cells = [str(total[column]) for column in COLUMNS]
    lines.append(f"| **sum** | {total.total()} | {' | '.join(cells)} | |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=400, help="of every format")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--only", default="", help="formats whose name holds this")
    args = parser.parse_args()
    outcomes = {}
    for name in FORMATS:
        if args.only in name:
            outcomes[name] = run_format(name, range(args.first, args.first + args.mutants))
            print(name, dict(outcomes[name].counts), file=sys.stderr, flush=True)
            for column, number, text in outcomes[name].examples:
                if column != "different" or FORMATS[name].checked:
                    print(f"   {column} {number}: {text}", file=sys.stderr, flush=True)
    print(table(outcomes))
    wrong = {name: bad(name, outcome) for name, outcome in outcomes.items()}
    return int(any(wrong.values()))


def bad(name: str, outcome: Outcome) -> list[tuple[str, int, str]]:
    """Return what must not be: anything foreign, crashed, hung or out of memory, and silence where a checksum is."""
    wrong = {"foreign", "crash", "hang", "memory"} | ({"different"} if FORMATS[name].checked else set())
    return [example for example in outcome.examples if example[0] in wrong]


if __name__ == "__main__":
    sys.exit(main())
