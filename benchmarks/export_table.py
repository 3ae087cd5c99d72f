"""Which networks can be exported, and how exactly: a table by name and target.

Networks are built small where they have options for it (trunk, input size); what is traced is the same code.

    python benchmarks/export_table.py [NAME ...] [--to onnx torchscript] [--output benchmarks/results/export.md]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch

from videoreid.errors import VideoReIDError
from videoreid.export import export_model
from videoreid.export.runtimes import SUFFIXES
from videoreid.models import ReIDModel, list_models

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.models.test_registry import SLOW, build

SIZE = (64, 32)


def size_of(model: ReIDModel) -> tuple[int, int]:
    """Return the smallest size that is tried: that of the network where its build fixes it."""
    return model.input_size if "height" in model.build_arguments else SIZE


def measure(name: str, to: str) -> str:
    """Return one cell: free or fixed clip length and the error, or why there is no file."""
    reasons = []
    for frames in (None, 8, 4):
        model = build(name).eval()
        with tempfile.TemporaryDirectory() as folder:
            try:
                file = Path(folder) / f"net{SUFFIXES[to]}"
                error = export_model(model, file, to, size=size_of(model), frames=frames)
            except VideoReIDError as refused:
                reasons.append(str(refused).replace(str(folder), "").replace("|", "/")[:160])
                continue
        fixed = model.frames or frames
        return f"yes, {f'T = {fixed} only' if fixed else 'any T'}, {error:.0e}"
    return f"no: {reasons[0]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="networks (default: those of the default test run)")
    parser.add_argument("--to", nargs="+", default=["onnx", "torchscript"], choices=list(SUFFIXES))
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = args.names or [name for name in list_models() if name not in SLOW]
    lines = [
        "| network | " + " | ".join(args.to) + " |",
        "|---|" + "---|" * len(args.to),
    ]
    print("\n".join(lines), flush=True)
    for name in names:
        lines.append(f"| `{name}` | " + " | ".join(measure(name, to) for to in args.to) + " |")
        print(lines[-1], flush=True)
    if args.output:
        args.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
