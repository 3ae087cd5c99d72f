"""A run that kills itself in mid-epoch, or goes on after that; a script of its own, because SIGKILL spares nothing.

Usage: killed_run.py {pk,plain} OUTPUT_DIR KILL_AT
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from small_world import Clips, Net, loader
from torch.utils.data import get_worker_info

from videoreid.data.loaders import train_loader
from videoreid.data.transforms import ClipTransform, HorizontalFlip
from videoreid.engine import Engine, TrainSettings
from videoreid.losses import BagOfTricksCriterion
from videoreid.optim import build_center_optimizer, build_lr_scheduler, build_optimizer
from videoreid.types import Tracklet


class WorkerNoise(Clips):
    """Items drawn from the global generators of the worker, so that those must be restored too."""

    def __getitem__(self, item):
        assert get_worker_info() is not None
        clip = super().__getitem__(item)
        return clip._replace(frames=clip.frames + int(np.random.randint(3)))  # noqa: NPY002 - that is the point


def build_loader(kind, folder):
    if kind == "plain":
        return loader(WorkerNoise(noise="global"), 6, shuffle=True, num_workers=2)
    tracklets = [
        Tracklet([str(folder / f"{p}_{f}.png") for f in range(6)], p, camera)
        for p in range(12)
        for camera in range(2)
    ]
    transform = ClipTransform([HorizontalFlip()])
    return train_loader(
        tracklets, batch_size=4, num_frames=2, instances=2, transform=transform, workers=1, seed=3
    )


def build_engine():
    torch.manual_seed(0)
    model, criterion = Net(12, dropout=0.4, norm=True), BagOfTricksCriterion(12, 8, beta=0.5)
    optimizers = [build_optimizer(model, "adam", 0.01), build_center_optimizer(criterion.parameters())]
    scheduler = build_lr_scheduler(optimizers[0], "cosine", max_epoch=4, warmup="linear", warmup_epochs=2)
    settings = TrainSettings(ema_decay=0.9, save_every=2, clip_norm=5.0)
    return Engine(model, criterion, optimizers, scheduler, settings=settings, device="cpu")


def main(kind, folder, kill_at):
    torch.set_num_threads(1)

    def kill(event):
        if event.kind == "step" and event.step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    engine = build_engine()
    history = engine.fit(
        build_loader(kind, folder),
        4,
        output_dir=folder / kind,
        resume="auto",
        callbacks=[kill],
        progress=False,
    )
    state = engine.state_dict()
    torch.save(
        {"state": state, "history": history, "random": torch.get_rng_state()}, folder / f"{kind}_{kill_at}.pt"
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
