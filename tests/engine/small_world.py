"""A tiny learnable world and networks for it; also imported by the scripts that run in processes of their own."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from videoreid.types import Clip, ReIDOutput, Tracklet

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


class Clips(Dataset):
    """One clip per item; ``clips`` of them per tracklet; the noise comes from torch's global generator if asked."""

    def __init__(self, identities=6, per_identity=4, *, clips=1, noise="fixed"):
        count = identities * per_identity
        self.tracklets = [
            Tracklet([f"/frames/{i}.jpg"], i % identities, i // identities % 2, float(i), i + 0.5)
            for i in range(count)
        ]
        self.clips = clips
        self.noise = noise

    def __len__(self):
        return len(self.tracklets) * self.clips

    def __getitem__(self, item):
        index = item // self.clips
        tracklet = self.tracklets[index]
        generator = torch.Generator().manual_seed(item) if self.noise == "fixed" else None
        colour = torch.Generator().manual_seed(1000 + tracklet.pid)
        base = torch.randint(60, 196, (1, 3, 1, 1), generator=colour)
        frames = (base + torch.randint(-50, 50, (2, 3, 8, 4), generator=generator)).to(torch.uint8)
        return Clip(
            frames,
            torch.tensor(tracklet.pid),
            torch.tensor(tracklet.camid),
            torch.tensor(tracklet.time, dtype=torch.float64),
            torch.tensor(index),
        )


def loader(dataset=None, batch_size=6, **options):
    return DataLoader(dataset or Clips(), batch_size, **options)


class Net(nn.Module):
    """Mean colour, two linear layers; with dropout and batch norm if asked, because both keep a state."""

    pixel_mean, pixel_std = MEAN, STD

    def __init__(self, classes=6, *, dropout=0.0, norm=False):
        super().__init__()
        self.body = nn.Linear(3, 8)
        self.norm = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(8, classes)

    def forward(self, frames):
        embedding = self.dropout(self.norm(torch.relu(self.body(frames.mean((1, 3, 4))))))
        if not self.training:
            return embedding
        return ReIDOutput(embedding, (self.classifier(embedding),), (embedding,))
