"""Compare frames per second of one core: uint8 clips, and a pipeline of Pillow images, frame by frame.

Both read the same JPEG files and apply the same published random transforms. "loader" ends with uint8, as the loader of
the library; "network input" also normalises on the CPU, which the other pipeline does frame by frame. Times are the
processor time of one thread, so other work on the machine has little effect; the files are in the page cache.

    python benchmarks/data_pipeline.py [--output benchmarks/results/data_pipeline.json]
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms import functional as F

from videoreid.data.clips import ClipDataset, ClipKey
from videoreid.data.transforms import build_transform
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD, normalise_frames
from videoreid.types import Tracklet

FRAMES_PER_CLIP = 8
TRACKLETS = 40
REPEATS = 5
SOURCES = {
    "256x128 (MARS)": (256, 128),
    "128x64 (PRID2011, iLIDS-VID)": (128, 64),
    "400x180 (LS-VID)": (400, 180),
}
RECIPES = ("vpreid", "psta", "tricks", "torchreid")


class LocalGrey:
    """The local grey patch on a Pillow image."""

    def __call__(self, image: Image.Image) -> Image.Image:
        if torch.rand(()) >= 0.2:
            return image
        place = T.RandomErasing.get_params(F.pil_to_tensor(image), (0.02, 0.4), (0.3, 3.3), [0.0])
        top, left, height, width, _ = place
        box = (left, top, left + width, top + height)
        image.paste(image.crop(box).convert("L").convert("RGB"), box)
        return image


class Translation:
    """Resize to 9/8 and crop at random on a Pillow image, with probability one half."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.plain = T.Resize(size)
        self.moved = T.Compose(
            [T.Resize((round(1.125 * size[0]), round(1.125 * size[1]))), T.RandomCrop(size)]
        )

    def __call__(self, image: Image.Image) -> Image.Image:
        return self.plain(image) if torch.rand(()) < 0.5 else self.moved(image)


def pillow_pipeline(recipe: str) -> Callable[[Image.Image], torch.Tensor]:
    """Return the recipe as it is usually written: one Pillow image at a time."""
    bicubic, flip = T.InterpolationMode.BICUBIC, T.RandomHorizontalFlip()
    end = [T.ToTensor(), T.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    erase = T.RandomErasing(scale=(0.02, 0.4), ratio=(0.3, 3.3), value=(0.485, 0.456, 0.406))
    steps = {
        "vpreid": [T.Resize((256, 128), bicubic), flip, LocalGrey(), *end],
        "psta": [T.Resize((256, 128), bicubic), flip, *end, erase],
        "tricks": [T.Resize((224, 112), bicubic), flip, T.Pad(10), Translation((224, 112)), *end, erase],
        "torchreid": [T.Resize((256, 128)), flip, *end],
    }
    return T.Compose(steps[recipe])


def write_dataset(folder: Path, size: tuple[int, int]) -> list[Tracklet]:
    """Write tracklets of JPEG frames with the file sizes of real crops (smooth shapes and some noise)."""
    rng = np.random.default_rng(0)
    tracklets = []
    for number in range(TRACKLETS):
        coarse = rng.integers(0, 256, (16, 8, 3), dtype=np.uint8)
        person = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC).astype(np.float64)
        frames = []
        for frame in range(FRAMES_PER_CLIP):
            image = np.clip(person + rng.normal(0, 3, person.shape), 0, 255).astype(np.uint8)
            path = folder / f"{number:03d}_{frame}.jpg"
            cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
            frames.append(str(path))
        tracklets.append(Tracklet(tuple(frames), number, 0))
    return tracklets


def rate(read: Callable[[int], object]) -> float:
    """Return frames per second of processor time over all tracklets, once."""
    start = time.process_time()
    for number in range(TRACKLETS):
        read(number)
    return TRACKLETS * FRAMES_PER_CLIP / (time.process_time() - start)


def compare(tracklets: list[Tracklet], recipe: str) -> dict[str, float]:
    """Return median frames per second of the three pipelines; rounds are interleaved."""
    dataset = ClipDataset(
        tracklets,
        num_frames=FRAMES_PER_CLIP,
        sampling="random",
        transform=build_transform(recipe, train=True),
    )
    pillow = pillow_pipeline(recipe)

    def by_frame(number: int) -> torch.Tensor:
        return torch.stack([pillow(Image.open(path).convert("RGB")) for path in tracklets[number].frames])

    def clip(number: int) -> torch.Tensor:
        return dataset[ClipKey(0, number, number)].frames

    pipelines = {
        "pillow": by_frame,
        "loader": clip,
        "network input": lambda number: normalise_frames(clip(number)),
    }
    rates: dict[str, list[float]] = {name: [] for name in pipelines}
    for _ in range(REPEATS):
        for name, read in pipelines.items():
            rates[name].append(rate(read))
    return {name: statistics.median(values) for name, values in rates.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    results = []
    for source, size in SOURCES.items():
        with tempfile.TemporaryDirectory() as folder:
            tracklets = write_dataset(Path(folder), size)
            size_kb = statistics.mean(Path(f).stat().st_size for t in tracklets for f in t.frames) / 1024
            for recipe in RECIPES:
                found = compare(tracklets, recipe)
                row = {
                    "frames": source,
                    "kb_per_frame": round(size_kb, 1),
                    "recipe": recipe,
                    "loader / pillow": round(found["loader"] / found["pillow"], 2),
                    "network input / pillow": round(found["network input"] / found["pillow"], 2),
                }
                results.append(row)
                print(row, {name: round(value) for name, value in found.items()})
    if args.output:
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
