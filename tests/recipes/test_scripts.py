"""Scripts of the newer networks: their numbers, and two steps of each with a small trunk and small frames."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = (
    "--epochs 1 --max-steps 2 --workers 0 --pretrained 0 --batch-size 4 --instances 2 --height 64 --width 32"
)
RECIPES = [
    "train_transreid.py --backbone vit_ti_16 --precision float32",
    "train_tfclip.py --backbone vit_ti_16 --precision float32 --frames 4",
    "train_clip_resnet.py --model ap3d_resnet50 --nonlocal-blocks 1 --backbone resnet18",
    "train_clip_resnet.py --model sinet --gradient-checkpointing 1 --backbone resnet18",
    "train_clip_resnet.py --model sanet --backbone resnet18",
    "train_clip_resnet.py --model tclnet --backbone resnet18",
    "train_clip_resnet.py --model bicnet_tks --backbone resnet18",
]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    from videoreid.data.datasets import build_dataset

    root = tmp_path_factory.mktemp("recipes")
    build_dataset("synthetic", root / "worlds", identities=10, frames=6)
    return root / "worlds"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


def test_the_numbers_of_the_3d_resnets(script):
    numbers = script("train_clip_resnet")
    assert numbers.WEIGHT_DECAY == 5e-4
    assert numbers.MARGINS == {"bicnet_tks": 0.5, "tclnet": 0.4}
    assert numbers.MILESTONES == {"ap3d_resnet50": [60, 120, 180]}
    assert numbers.EPOCHS == {"ap3d_resnet50": 240, "bicnet_tks": 150}
    assert numbers.FRAMES == {"bicnet_tks": 8}
    assert numbers.STRIDES == {"bicnet_tks": 4}
    assert numbers.BATCH_SIZES == {"bicnet_tks": 64}
    assert numbers.LEARNING_RATES == {"bicnet_tks": 3.5e-4}
    terms = {name: set(numbers.criterion_of(name, 4).terms) for name in ("sinet", "sbnet", "idnet", "sanet")}
    assert terms["sinet"] == terms["sbnet"] == {"softmax", "triplet", "frames"}
    assert terms["idnet"] == terms["sanet"] == {"softmax", "triplet"}
    assert numbers.criterion_of("sinet", 4).weights["frames"] == 0.001
    assert numbers.criterion_of("bicnet_tks", 4).weights["apart"] == 0.01


def test_the_numbers_of_the_transformers(script):
    transreid, clipreid, tfclip = map(script, ("train_transreid", "train_clipreid", "train_tfclip"))
    assert (transreid.LEARNING_RATE, transreid.WEIGHT_DECAY) == (0.008, 1e-4)
    assert (transreid.FLOOR, transreid.WARMUP_EPOCHS) == (0.002, 5)
    assert (clipreid.TEXT_RATE, clipreid.TEXT_DECAY, clipreid.TEXT_BATCH, clipreid.TEXT_WARMUP) == (
        3.5e-4, 1e-4, 64, 5,
    )  # fmt: skip
    assert (clipreid.LEARNING_RATE, clipreid.WEIGHT_DECAY) == (5e-6, 1e-4)
    assert (clipreid.MILESTONES, clipreid.WARMUP_EPOCHS) == ([30, 50], 10)
    assert (tfclip.LEARNING_RATE, tfclip.WEIGHT_DECAY) == (5e-6, 1e-4)
    assert (tfclip.MILESTONES, tfclip.WARMUP_EPOCHS) == ([30, 50, 70], 10)


@pytest.mark.slow
def test_every_way_of_testing_with_one_command(datasets):
    (world,) = datasets.iterdir()
    size = "--backbone resnet18_half --height 64 --width 32 --workers 0 --num-classes 5"
    command = [sys.executable, "evaluate_clips.py", *size.split(), "--root", str(world)]
    done = subprocess.run(
        command, cwd=EXAMPLES, capture_output=True, text=True, encoding="utf-8", timeout=280
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "protocol" in line]
    assert len(set(lines)) == 8, "every rule and both features leave a line of their own"
    assert sum("features before the neck" in line for line in lines) == 4


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda text: text.replace(" --backbone resnet18", ""))
def test_recipe(recipe, datasets, tmp_path):
    script, *options = recipe.split()
    (world,) = datasets.iterdir()
    dataset = ["--dataset", "mars", "--root", str(world)]
    command = [sys.executable, script, *SMALL.split(), "--output", str(tmp_path), *dataset, *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=EXAMPLES, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert "Rank-1" in done.stdout
    assert (tmp_path / "best.pt").exists()
