"""Time a training script with torchreid's API: with torchreid if it is installed, and with this library.

The script trains osnet_x0_25 on the drawn world in Market-1501's layout, 128 x 64, with `ImageSoftmaxEngine`, in
float32 and with ``precision="auto"``. Where torchreid is not installed, a plain loop takes its place: Pillow, one
transform a picture, float32, the same network and optimiser. Runs alternate, each round with the next seed; medians
are compared, also of CPU seconds, which other programs on the machine disturb less, and mAP on the test people by seed.

    python benchmarks/torchreid_script.py [--epochs 2] [--people 40] [--repeats 3] [--threads 2] [--output FILE]
"""

import argparse
import contextlib
import importlib.util
import io
import json
import os
import re
import statistics
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

SIZE, BATCH = (128, 64), 32
Run = Callable[[int], float | None]


def script(words: Any, root: Path, epochs: int, seed: int, **more: Any) -> float:
    """Train and test as torchreid's README does, with any module that has its words; return mAP."""
    words.utils.set_random_seed(seed)
    manager = words.data.ImageDataManager(
        root=str(root), sources="market1501", targets="market1501", height=SIZE[0], width=SIZE[1],
        batch_size_train=BATCH, batch_size_test=100, transforms=["random_flip", "random_crop"], workers=0,
        use_gpu=False,
    )  # fmt: skip
    model = words.models.build_model(
        name="osnet_x0_25",
        num_classes=manager.num_train_pids,
        loss="softmax",
        pretrained=False,
        use_gpu=False,
    )
    optimizer = words.optim.build_optimizer(model, optim="adam", lr=0.0015)
    scheduler = words.optim.build_lr_scheduler(optimizer, lr_scheduler="single_step", stepsize=20)
    engine = words.engine.ImageSoftmaxEngine(
        manager, model, optimizer=optimizer, scheduler=scheduler, label_smooth=True, use_gpu=False
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        ranking = engine.run(save_dir=str(root / "log"), max_epoch=epochs, print_freq=10**6, **more)
    if isinstance(ranking, dict):
        return float(ranking["market1501"].mean_average_precision)
    return float(re.findall(r"mAP: ([0-9.]+)%", printed.getvalue())[-1]) / 100  # torchreid prints it only


class _Pictures(Dataset[tuple[torch.Tensor, int]]):
    def __init__(self, items: list[tuple[str, int]]) -> None:
        self.items = items
        larger = [round(side * 1.125) for side in SIZE]
        self.transform = transforms.Compose(
            [
                transforms.Resize(larger),
                transforms.RandomCrop(SIZE),
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


def plain(root: Path, epochs: int, seed: int) -> None:
    """Train, and extract query and gallery, in the plainest loop; it has no score."""
    torch.manual_seed(seed)
    manager = words_of_ours.data.ImageDataManager(
        root=str(root), sources="market1501", height=SIZE[0], width=SIZE[1], workers=0, use_gpu=False
    )
    dataset = manager.train_loader.dataset
    model = words_of_ours.models.build_model(
        name="osnet_x0_25",
        num_classes=manager.num_train_pids,
        loss="softmax",
        pretrained=False,
        use_gpu=False,
    )
    items = [(tracklet.frames[0], tracklet.pid) for tracklet in dataset.tracklets]
    loader = DataLoader(_Pictures(items), batch_size=BATCH, shuffle=True, drop_last=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0015, weight_decay=5e-4, amsgrad=True)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    model.train()
    for _ in range(epochs):
        for images, pids in loader:
            loss = criterion(model(images.unsqueeze(1)).logits[0], pids)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    tests = sorted(map(str, (root / "market1501").rglob("*.jpg")))
    tests = [path for path in tests if "/query/" in path or "/bounding_box_test/" in path]
    with torch.no_grad():
        for images, _ in DataLoader(_Pictures([(path, 0) for path in tests]), batch_size=100):
            model(images.unsqueeze(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    installed = importlib.util.find_spec("torchreid") is not None
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_market1501(root / "market1501", identities=args.people, seed=0, images=4, frames=4)
        if installed:
            import torchreid

            other: Run = lambda seed: script(torchreid, root, args.epochs, seed)  # noqa: E731
        else:
            other = lambda seed: plain(root, args.epochs, seed)  # noqa: E731
        runs = {
            "torchreid" if installed else "plain loop": other,
            "float32": lambda seed: script(words_of_ours, root, args.epochs, seed),
            "auto": lambda seed: script(words_of_ours, root, args.epochs, seed, precision="auto"),
        }
        results = measure(runs, args.repeats)
    results |= {
        "torch_threads": args.threads,
        "epochs": args.epochs,
        "people": args.people,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    text = json.dumps(results, indent=2)
    print(text)
    if args.output:
        args.output.write_text(text + "\n", encoding="utf-8")


def measure(runs: dict[str, Run], repeats: int) -> dict[str, Any]:
    """Return seconds, CPU seconds and their ratios to the first of the runs."""
    wall: dict[str, list[float]] = {name: [] for name in runs}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    scores: dict[str, list[float | None]] = {name: [] for name in runs}
    for seed in range(repeats):
        for name, run in runs.items():
            start, used = time.perf_counter(), time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):
                scores[name].append(run(seed))
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - used)
    first = next(iter(runs))
    seconds, cpu_seconds = (
        {name: statistics.median(values) for name, values in spent.items()} for spent in (wall, cpu)
    )
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "ratio": {name: seconds[first] / value for name, value in seconds.items()},
        "cpu_ratio": {name: cpu_seconds[first] / value for name, value in cpu_seconds.items()},
        "mAP": scores,
    }


if __name__ == "__main__":
    main()
