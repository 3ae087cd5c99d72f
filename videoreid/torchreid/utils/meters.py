"""torchreid's running averages and logs."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from videoreid.errors import ConfigError

__all__ = ["AverageMeter", "Logger", "MetricMeter", "RankLogger"]


class AverageMeter:
    """The running mean of a number.

    Attributes:
        val: the last value.
        avg: the mean of all values.
        sum: the sum of all values.
        count: the number of values.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Set all to zero."""
        self.val = self.avg = self.sum = 0.0
        self.count = 0

    def update(self, val: float, n: int = 1) -> None:
        """Add a value ``n`` times."""
        self.val = float(val)
        self.sum += self.val * n
        self.count += n
        self.avg = self.sum / self.count if self.count else 0.0


class MetricMeter:
    """Running means of several numbers by name; printed as ``name value (mean)``."""

    def __init__(self, delimiter: str = "\t") -> None:
        self.meters: dict[str, AverageMeter] = defaultdict(AverageMeter)
        self.delimiter = delimiter

    def update(self, input_dict: Mapping[str, Any] | None) -> None:
        """Add one value of each name; numbers or tensors of one element.

        Raises:
            ConfigError: the argument is not a mapping.
        """
        if input_dict is None:
            return
        if not isinstance(input_dict, Mapping):
            raise ConfigError(
                f"MetricMeter.update takes a mapping of names to numbers, got {type(input_dict).__name__}"
            )
        for name, value in input_dict.items():
            self.meters[name].update(float(value))

    def __str__(self) -> str:
        return self.delimiter.join(f"{name} {m.val:.4f} ({m.avg:.4f})" for name, m in self.meters.items())


class Logger:
    """Write what is printed into a file as well: ``sys.stdout = Logger("log/train.log")``.

    Args:
        fpath: the file; None writes only to the console.
    """

    def __init__(self, fpath: str | Path | None = None) -> None:
        self.console: TextIO = sys.stdout
        self.file: TextIO | None = None
        if fpath is not None:
            path = Path(fpath)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = path.open("w", encoding="utf-8")

    def write(self, msg: str) -> None:
        """Write to the console and to the file."""
        self.console.write(msg)
        if self.file is not None:
            self.file.write(msg)

    def flush(self) -> None:
        """Flush both."""
        self.console.flush()
        if self.file is not None:
            self.file.flush()

    def isatty(self) -> bool:
        """Return whether the console is a terminal; progress bars ask the stream they print to."""
        return self.console.isatty()

    def close(self) -> None:
        """Close the file; the console stays open."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def __enter__(self) -> "Logger":
        return self

    def __exit__(self, *args: object) -> None:
        self.close()


class RankLogger:
    """Rank-1 of every epoch and target, for one summary.

    Args:
        sources: one name or several.
        targets: one name or several.
    """

    def __init__(self, sources: str | Sequence[str], targets: str | Sequence[str]) -> None:
        self.sources = [sources] if isinstance(sources, str) else list(sources)
        self.targets = [targets] if isinstance(targets, str) else list(targets)
        self.logger: dict[str, dict[str, list[float]]] = {
            name: {"epoch": [], "rank1": []} for name in self.targets
        }

    def write(self, name: str, epoch: int, rank1: float) -> None:
        """Add the rank-1 (0..1) of a target after an epoch."""
        self.logger[name]["epoch"].append(epoch)
        self.logger[name]["rank1"].append(rank1)

    def show_summary(self) -> None:
        """Print all rank-1 scores."""
        print("=> Show performance summary")  # noqa: T201 - torchreid's function prints
        for name in self.targets:
            origin = "source" if name in self.sources else "target"
            print(f"{name} ({origin})")  # noqa: T201
            rows = self.logger[name]
            for epoch, rank1 in zip(rows["epoch"], rows["rank1"], strict=True):
                print(f"- epoch {epoch}\t rank1 {rank1:.1%}")  # noqa: T201
