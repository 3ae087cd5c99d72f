"""Recorded figures of the published parser, and a small world in the layout of LIP."""

from pathlib import Path

import numpy as np
import pytest
import torch

from videoreid.data.datasets import ParsingSplits, build_parsing_dataset
from videoreid.data.datasets.synthetic import write_lip

FIGURES = Path(__file__).parents[3] / "shared" / "reference" / "numeric" / "parsing.npz"


@pytest.fixture(scope="session")
def recorded() -> dict[str, torch.Tensor]:
    if not FIGURES.exists():
        pytest.skip(f"recorded figures are not at {FIGURES}")
    with np.load(FIGURES) as file:
        return {name: torch.from_numpy(np.asarray(file[name])) for name in file.files}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> ParsingSplits:
    root = write_lip(tmp_path_factory.mktemp("world") / "LIP", identities=8, images=1, cameras=2, frames=4)
    return build_parsing_dataset("lip", root)
