"""First stage of CLIP-ReID: learn a prompt for each identity from image features that are extracted once."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from videoreid.engine.engine import Engine
from videoreid.engine.training import Losses
from videoreid.errors import ConfigError
from videoreid.losses import supervised_contrastive_loss
from videoreid.types import Clip, Features

__all__ = ["PromptEngine", "prompt_loader"]


class PromptEngine(Engine):
    """An engine that trains the texts of identities to match fixed image features.

    The loss is the supervised contrastive loss from images to texts plus that from texts to images, with temperature 1
    and without normalising the vectors.

    Args:
        texts: ``(pids) -> (N, P)``, see `videoreid.models.clip_text.IdentityTexts`.
        features: ``(N, P)`` projected features of the training set, see `videoreid.engine.projected_features`.
        optimizer: over ``texts.prompts``.
        **options: see `Engine`.

    Raises:
        ConfigError: (in a step) texts and features of different widths.

    Reference:
        Li et al., CLIP-ReID, AAAI 2023, equations 3 to 5.
    """

    def __init__(self, texts: nn.Module, features: Features, optimizer: Any, **options: Any) -> None:
        super().__init__(texts, nn.Identity(), optimizer, **options)
        self.images: Tensor = features.embeddings.to(self.device)

    def step(self, clip: Clip) -> Losses:
        """Return both losses of a batch of identities; ``clip.index`` holds the rows of their features."""
        with self.accelerator.autocast():
            texts: Tensor = self.parallel(clip.pid)
        texts, images = texts.float(), self.images[clip.index]
        if texts.shape != images.shape:
            raise ConfigError(
                f"texts are {texts.shape[1]} wide and image features {images.shape[1]}: build the texts with "
                f"projected={images.shape[1]}"
            )
        raw = {"temperature": 1.0, "normalise": False}
        forth = supervised_contrastive_loss(images, clip.pid, texts, clip.pid, **raw)  # type: ignore[arg-type]
        back = supervised_contrastive_loss(texts, clip.pid, images, clip.pid, **raw)  # type: ignore[arg-type]
        return {"loss": forth + back, "image_to_text": forth, "text_to_image": back}


class _Rows(Dataset[Clip]):
    """A dataset with one item per feature: identity and row number, without frames."""

    def __init__(self, features: Features) -> None:
        self.pids = torch.from_numpy(features.pids)

    def __len__(self) -> int:
        return len(self.pids)

    def __getitem__(self, index: int) -> Clip:
        unknown = torch.tensor(float("nan"), dtype=torch.float64)
        row = torch.tensor(index)
        return Clip(torch.empty(0), self.pids[index], torch.tensor(-1), unknown, row)


def prompt_loader(features: Features, batch_size: int = 64, *, seed: int = 0) -> DataLoader[Clip]:
    """Return a loader of the rows of features in random order, for `PromptEngine.fit`.

    Args:
        features: of the training set; pids are the labels 0..K-1.
        batch_size: rows per batch; 64 as published.
        seed: of the order.
    """
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(_Rows(features), batch_size, shuffle=True, generator=generator)
