"""The training criterion of a parser: the loss of every head by name, and their sum."""

import torch
from torch import Tensor, nn

from videoreid.errors import ConfigError, TrainingError
from videoreid.parsing.losses import edge_loss, pixel_cross_entropy, resize_logits
from videoreid.parsing.lovasz import lovasz_softmax_loss
from videoreid.parsing.ohem import ohem_cross_entropy
from videoreid.types import Clip, ReIDOutput

__all__ = ["ParsingCriterion"]


class ParsingCriterion(nn.Module):
    """Cross-entropy of both parsing heads and of the edges, as published; optionally hard pixels and Lovász loss.

    Args:
        edge_weight: weight of the edge loss.
        lovasz_weight: weight of the Lovász-softmax loss of the last head; 0 leaves it out.
        hard_share: 0 uses every pixel, as published; otherwise only pixels whose class has a probability of 0.7 or
            less are used, but at least this share of all pixels.

    Raises:
        ConfigError: a weight below 0, or a share above 1.
    """

    def __init__(
        self, *, edge_weight: float = 1.0, lovasz_weight: float = 0.0, hard_share: float = 0.0
    ) -> None:
        super().__init__()
        if min(edge_weight, lovasz_weight, hard_share) < 0 or hard_share > 1:
            raise ConfigError(
                f"expected weights of 0 or more and a share of 0 to 1, got {edge_weight}, {lovasz_weight} and "
                f"{hard_share}"
            )
        self.edge_weight, self.lovasz_weight, self.hard_share = edge_weight, lovasz_weight, hard_share

    def forward(self, output: ReIDOutput, clip: Clip) -> dict[str, Tensor]:
        """Return "loss" and its unweighted terms: "parsing_0", "parsing_1", "edge", "lovasz".

        Args:
            output: output of a parsing network in train mode (`videoreid.models.ce2p.CE2P`).
            clip: batch of a `parsing_loader`, with label maps ``(B, H, W)`` in ``pid``.

        Raises:
            ConfigError: the output has no parsing logits, or the batch has no label maps.
            TrainingError: the loss is NaN or infinite; the message gives the positions of the pictures in the dataset.
        """
        labels = clip.pid
        heads = {name: logits for name, logits in output.extras.items() if name.startswith("parsing_")}
        if not heads or "edge" not in output.extras or labels.ndim != 3:
            raise ConfigError(
                f"expected parsing and edge logits and label maps (B, H, W), got extras {sorted(output.extras)} and "
                f"labels {tuple(labels.shape)}: train a parser on batches of parsing_loader"
            )
        full = {name: resize_logits(logits, labels) for name, logits in heads.items()}
        losses = {name: self._parsing(logits, labels) for name, logits in full.items()}
        total = torch.stack(list(losses.values())).sum()
        losses["edge"] = edge_loss(output.extras["edge"], labels)
        total = total + self.edge_weight * losses["edge"]
        if self.lovasz_weight:
            losses["lovasz"] = lovasz_softmax_loss(full[max(full)], labels)
            total = total + self.lovasz_weight * losses["lovasz"]
        if not bool(torch.isfinite(total)):
            values = ", ".join(f"{name} = {float(value.detach()):g}" for name, value in losses.items())
            raise TrainingError(
                f"the loss is not finite ({values}); pictures {clip.index.tolist()} of the training set. Lower the "
                "learning rate, or clip the gradient (clip_norm)"
            )
        return {"loss": total, **losses}

    def _parsing(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.hard_share:
            return ohem_cross_entropy(
                logits, labels, min_kept=max(1, round(self.hard_share * labels.numel()))
            )
        return pixel_cross_entropy(logits, labels)
