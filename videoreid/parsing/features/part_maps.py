"""Soft part maps of pictures, from a frozen parser and a table that groups its classes."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.functional import IMAGENET_MEAN, IMAGENET_STD
from videoreid.models.ce2p import CE2P
from videoreid.parsing.tables import LabelTable, get_table

__all__ = ["PartMaps"]


class PartMaps(nn.Module):
    """Probabilities of part groups, from a frozen parser.

    Args:
        parser: a parsing network; it is frozen here.
        table: table that groups its classes, such as "spreid5" for a parser of LIP, or the table of the parser.
        size: (height, width) to which pictures are resized for the parser; None does not resize them.
        pixel_mean: mean by which the input pictures are normalised.
        pixel_std: standard deviation by which the input pictures are normalised.

    Raises:
        ConfigError: the table is for another number of classes than the parser has.
    """

    def __init__(
        self,
        parser: CE2P,
        table: LabelTable | str,
        *,
        size: tuple[int, int] | None = None,
        pixel_mean: tuple[float, float, float] = IMAGENET_MEAN,
        pixel_std: tuple[float, float, float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        self.table = get_table(table)
        own_classes = parser.num_classes == self.table.num_classes
        if not own_classes and parser.num_classes != len(self.table.sources):
            raise ConfigError(
                f"the parser has {parser.num_classes} classes, table {self.table.name!r} reads "
                f"{len(self.table.sources)} and has {self.table.num_classes}"
            )
        self.parser = parser.requires_grad_(requires_grad=False).eval()
        self.is_grouped = not own_classes
        self.size = size
        self._mean, self._std = pixel_mean, pixel_std

    @property
    def num_parts(self) -> int:
        """Number of groups P, the background included."""
        return self.table.num_classes

    def train(self, mode: bool = True) -> "PartMaps":  # noqa: FBT001, FBT002 - as in torch
        """Stay in eval mode, also if the surrounding network is in train mode."""
        return super().train(mode=False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, P, h, w)`` of images ``(N, 3, H, W)``, normalised; the background comes first."""
        if self.size is not None and tuple(images.shape[2:]) != self.size:
            images = F.interpolate(
                images, size=self.size, mode="bilinear", align_corners=False, antialias=True
            )
        images = self._renormalise(images)
        probabilities = self.parser.parse_logits(images).softmax(1)
        return self.table.group(probabilities) if self.is_grouped else probabilities

    def _renormalise(self, images: Tensor) -> Tensor:
        wanted = (self.parser.pixel_mean, self.parser.pixel_std)
        if wanted == (self._mean, self._std):
            return images
        mean, std, new_mean, new_std = (
            images.new_tensor(values).view(3, 1, 1) for values in (self._mean, self._std, *wanted)
        )
        return (images * std + mean - new_mean) / new_std
