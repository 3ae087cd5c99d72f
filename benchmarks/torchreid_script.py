"""Time a training script with torchreid's API: with torchreid if it is installed, and with this library.

The script trains a network on the drawn world in Market-1501's layout with `ImageSoftmaxEngine`, with this
library's default precision (float32 for so few batches) and in bfloat16. Where torchreid is not installed, a plain loop
takes its place: Pillow, one transform a picture, float32, the same network and optimiser. Every run has a process of
its own, because `fit` changes how a process reuses memory. Runs alternate, each round with the next seed; medians are
compared, also of CPU seconds, which other programs on the machine disturb less, and mAP on the test people by seed.

    python benchmarks/torchreid_script.py [--epochs 2] [--people 40] [--repeats 3] [--threads 2] [--output FILE]
    python benchmarks/torchreid_script.py --gpu --model resnet50 --height 256 --width 128 --epochs 60 --workers 8
"""

import argparse
import contextlib
import importlib.util
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from videoreid import torchreid as words_of_ours
from videoreid.data.datasets.synthetic import write_market1501
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD

BATCH = 32
Run = Callable[[], float | None]


def script(words: Any, args: argparse.Namespace, **more: Any) -> float:
    """Train and test as torchreid's README does, with any module that has its words; return mAP."""
    words.utils.set_random_seed(args.seed)
    manager = words.data.ImageDataManager(
        root=str(args.root), sources="market1501", targets="market1501", height=args.height, width=args.width,
        batch_size_train=BATCH, batch_size_test=100, transforms=["random_flip", "random_crop"], workers=args.workers,
        use_gpu=args.gpu,
    )  # fmt: skip
    model = words.models.build_model(
        name=args.model,
        num_classes=manager.num_train_pids,
        loss="softmax",
        pretrained=False,
        use_gpu=args.gpu,
    )
    if args.gpu:
        model = model.cuda()
    optimizer = words.optim.build_optimizer(model, optim="adam", lr=0.0015)
    scheduler = words.optim.build_lr_scheduler(optimizer, lr_scheduler="single_step", stepsize=20)
    engine = words.engine.ImageSoftmaxEngine(
        manager, model, optimizer=optimizer, scheduler=scheduler, label_smooth=True, use_gpu=args.gpu
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        ranking = engine.run(save_dir=str(args.root / "log"), max_epoch=args.epochs, print_freq=10**6, **more)
    if isinstance(ranking, dict):
        return float(ranking["market1501"].mean_average_precision)
    return float(re.findall(r"mAP: ([0-9.]+)%", printed.getvalue())[-1]) / 100  # torchreid prints it only


class _Pictures(Dataset[tuple[torch.Tensor, int]]):
    def __init__(self, items: list[tuple[str, int]], size: tuple[int, int]) -> None:
        self.items = items
        larger = [round(side * 1.125) for side in size]
        self.transform = transforms.Compose(
            [
                transforms.Resize(larger),
                transforms.RandomCrop(size),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        path, pid = self.items[place]
        return self.transform(Image.open(path).convert("RGB")), pid


def plain(args: argparse.Namespace) -> None:
    """Train, and extract query and gallery, in the plainest loop; it has no score."""
    torch.manual_seed(args.seed)
    size, device = (args.height, args.width), torch.device("cuda" if args.gpu else "cpu")
    manager = words_of_ours.data.ImageDataManager(
        root=str(args.root), sources="market1501", height=size[0], width=size[1], workers=0, use_gpu=False
    )
    dataset = manager.train_loader.dataset
    model = words_of_ours.models.build_model(
        name=args.model,
        num_classes=manager.num_train_pids,
        loss="softmax",
        pretrained=False,
        use_gpu=False,
    ).to(device)
    items = [(tracklet.frames[0], tracklet.pid) for tracklet in dataset.tracklets]
    loader = DataLoader(
        _Pictures(items, size), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=args.workers
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0015, weight_decay=5e-4, amsgrad=True)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    model.train()
    for _ in range(args.epochs):
        for images, pids in loader:
            loss = criterion(model(images.to(device).unsqueeze(1)).logits[0], pids.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    tests = sorted(map(str, (args.root / "market1501").rglob("*.jpg")))
    tests = [path for path in tests if "/query/" in path or "/bounding_box_test/" in path]
    with torch.no_grad():
        for images, _ in DataLoader(_Pictures([(path, 0) for path in tests], size), batch_size=100):
            model(images.to(device).unsqueeze(1))


def run_once(args: argparse.Namespace) -> dict[str, float | None]:
    """Return seconds, CPU seconds and mAP of one run."""
    if args.run == "torchreid":
        import torchreid as theirs

        run: Run = lambda: script(theirs, args)  # noqa: E731
    elif args.run == "plain loop":
        run = lambda: plain(args)  # noqa: E731
    else:
        _ = (
            words_of_ours.data,
            words_of_ours.models,
            words_of_ours.optim,
            words_of_ours.engine,
        )  # imported here, untimed
        more = {} if args.run == "default" else {"precision": args.run}
        run = lambda: script(words_of_ours, args, **more)  # noqa: E731
    start, used = time.perf_counter(), time.process_time()
    score = run()
    return {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - used, "mAP": score}


def measure(names: list[str], root: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Run all in turns; return medians, their ratios to the first, and mAP by seed."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for seed in range(args.repeats):
        for name in names:
            command = [sys.executable, __file__, "--run", name, "--root", str(root), "--seed", str(seed)]
            for option in ("model", "height", "width", "epochs", "threads", "workers"):
                command += [f"--{option}", str(getattr(args, option))]
            command += ["--gpu"] if args.gpu else []
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            runs[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(name, seed, done.stdout.splitlines()[-1], file=sys.stderr, flush=True)
    results: dict[str, Any] = {}
    for key, ratio in (("seconds", "ratio"), ("cpu_seconds", "cpu_ratio")):
        results[key] = {name: statistics.median(run[key] for run in runs[name]) for name in names}
        results[ratio] = {name: results[key][names[0]] / value for name, value in results[key].items()}
    return results | {"mAP": {name: [run["mAP"] for run in runs[name]] for name in names}}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="osnet_x0_25")
    parser.add_argument("--height", type=int, default=128)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument(
        "--systems", nargs="+", help="such as torchreid default bfloat16; the first is compared with"
    )
    parser.add_argument("--output", type=Path)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    args = read_arguments()
    torch.set_num_threads(args.threads)
    if args.run:
        with contextlib.redirect_stdout(io.StringIO()):
            result = run_once(args)
        print(json.dumps(result))
        return
    installed = importlib.util.find_spec("torchreid") is not None
    names = args.systems or ["torchreid" if installed else "plain loop", "default", "bfloat16"]
    with tempfile.TemporaryDirectory() as name:
        write_market1501(Path(name) / "market1501", identities=args.people, seed=0, images=4, frames=4)
        results = measure(names, Path(name), args)
    results |= {
        "model": args.model,
        "size": [args.height, args.width],
        "gpu": torch.cuda.get_device_name() if args.gpu else None,
        "torch_threads": args.threads,
        "epochs": args.epochs,
        "people": args.people,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    text = json.dumps(results, indent=2)
    print(text)
    if args.output:
        args.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
