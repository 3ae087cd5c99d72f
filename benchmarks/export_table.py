"""Write a table of the networks that can be exported, and of their errors, by name and target.

Networks are built small if they have options for it (trunk, input size); the traced code is the same. A cell shows
whether clip length T and batch B are free in the file, and the largest relative error of an embedding. A network whose
trace fixes the batch is exported for one clip per call, and a session splits batches.

    python benchmarks/export_table.py [NAME ...] [--to onnx torchscript] [--output benchmarks/results/export.md]

The table is written after each network; with an ``--output`` that exists, networks that it lists are not repeated.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from videoreid.errors import VideoReIDError
from videoreid.export import export_model
from videoreid.export.runtimes import SUFFIXES
from videoreid.models import ReIDModel, list_models
from videoreid.utils import atomic_write_text

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.models.test_registry import SLOW, build

SIZE = (64, 32)
SIZES = {"pcb_p6": (96, 32)}  # pooling of six parts is exported where six divides the height of the map


def size_of(model: ReIDModel) -> tuple[int, int]:
    """Return the smallest size that is tried: that of the network where its build fixes it."""
    if "height" in model.build_arguments:
        return model.input_size
    return SIZES.get(str(model.build_arguments.get("name")), SIZE)


def measure(name: str, to: str) -> str:
    """Return one cell: free or fixed clip length and batch and the error, or why there is no file."""
    reasons = []
    for frames, batch in ((None, None), (8, None), (4, None), (8, 1), (4, 1)):
        model = build(name).eval()
        if model.frames and frames not in (None, model.frames):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                file = Path(folder) / f"net{SUFFIXES[to]}"
                error = export_model(model, file, to, size=size_of(model), frames=frames, batch=batch)
            except VideoReIDError as refused:
                reasons.append(
                    " ".join(str(refused).replace(str(folder), "").replace("|", "/").split())[:160]
                )
                continue
        fixed = model.frames or frames
        length = f"T = {fixed}" if fixed else "any T"
        return f"yes, {length}, {f'B = {batch}' if batch else 'any B'}, {error:.0e}"
    return f"no: {reasons[0]}"


@contextmanager
def silence() -> Iterator[None]:
    """Keep what exporters write past Python, whole graphs, off the terminal."""
    saved = [os.dup(stream) for stream in (1, 2)]
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
        try:
            yield
        finally:
            for stream, copied in zip((1, 2), saved, strict=True):
                os.dup2(copied, stream)
                os.close(copied)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="networks (default: those of the default test run)")
    parser.add_argument("--all", action="store_true", help="all networks")
    parser.add_argument(
        "--to", nargs="+", default=["onnx", "torchscript", "openvino"], choices=list(SUFFIXES)
    )
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = args.names or [name for name in list_models() if args.all or name not in SLOW]
    head = ["| network | " + " | ".join(args.to) + " |", "|---|" + "---|" * len(args.to)]
    rows = read_rows(args.output, head) if args.output else {}
    for name in names:
        if name in rows:
            continue
        with silence():
            cells = [measure(name, to) for to in args.to]
        rows[name] = f"| `{name}` | " + " | ".join(cells) + " |"
        print(rows[name], flush=True)
        if args.output:
            atomic_write_text(args.output, "\n".join([*head, *(rows[key] for key in sorted(rows))]) + "\n")
    print("\n".join([*head, *(rows[key] for key in sorted(rows))]))


def read_rows(path: Path, head: list[str]) -> dict[str, str]:
    """Return the lines of a table by network; it must have the same columns."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    if lines[:2] != head:
        raise SystemExit(f"{path} has other columns than {head[0]}; give another --output")
    return {line.split("`")[1]: line for line in lines[2:]}


if __name__ == "__main__":
    main()
