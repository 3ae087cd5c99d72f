"""Extract with a network that kills its own process after some batches; started by the tests."""

import os
import signal
import sys
from pathlib import Path

import torch
from torch import nn

from videoreid.engine import ExtractionSettings, extract_tracklets, extraction_run
from videoreid.types import Tracklet


class Dying(nn.Module):
    """Mean colour and its square; the batch of number ``left`` kills the process, as the system does."""

    pixel_mean, pixel_std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    input_size = (16, 8)
    runs = 0

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        Dying.runs += 1  # of the class, because a copy is what runs
        if Dying.runs == self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        mean = frames.mean((1, 3, 4)) * self.scale
        return torch.cat([mean, mean.square()], 1)


def tracklets(folder: Path) -> list[Tracklet]:
    files = sorted(str(file) for file in folder.glob("*.png"))
    lengths, place, found = [1, 7, 2, 30, 3, 1, 16], 0, []
    for pid, length in enumerate(lengths):
        found.append(Tracklet(files[place : place + length], pid, pid % 2, float(pid)))
        place += length
    return found


if __name__ == "__main__":
    extraction_run._KEEP_SECONDS = 0.0
    torch.set_num_threads(int(sys.argv[4]))
    settings = ExtractionSettings(frame_budget=4)
    extract_tracklets(Dying(int(sys.argv[3])), tracklets(Path(sys.argv[1])), sys.argv[2], settings=settings)
