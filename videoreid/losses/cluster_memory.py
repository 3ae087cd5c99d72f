"""Identity memories: one vector per identity, compared with every embedding and updated after each batch."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoreid.errors import ConfigError
from videoreid.losses._checks import check_batch, check_labels
from videoreid.losses.heads import Reduction, over_heads
from videoreid.types import Clip, ReIDOutput

__all__ = ["ClusterMemory", "ClusterMemoryTerm", "MemoryUpdate"]

MemoryUpdate = Literal["mean", "hardest", "both"]


class ClusterMemory(nn.Module):
    """A momentum memory of identities and its contrastive loss.

    The logits are the cosine similarities to all K memories, divided by the temperature; the loss is their
    cross-entropy. After each batch in train mode the memories of its identities are updated: with each of their
    embeddings in turn ("mean"), or only with the embedding that is least similar to the memory ("hardest"). "both"
    keeps two memories and returns the mean of the two losses. Memories are normalised. Call `rebuild` with the features
    of the whole training set before training; `videoreid.engine.rebuild_before_epochs` repeats it before each epoch.

    Args:
        num_classes: identities K.
        dim: width D of the embeddings.
        update: "mean", "hardest" or "both".
        momentum: weight of the old memory in an update, in [0, 1); the embedding has the rest.
        temperature: divisor of the similarities, greater than 0.

    Raises:
        ConfigError: an unknown update, or a number out of range; (in forward) a memory that was never filled.

    Reference:
        Dai et al., Cluster Contrast for Unsupervised Person Re-Identification, ACCV 2022
        (https://arxiv.org/abs/2103.11568); Yu et al., CLIMB-ReID, AAAI 2025 (both memories, momentum 0.2).
    """

    mean: Tensor
    hardest: Tensor

    def __init__(
        self,
        num_classes: int,
        dim: int,
        *,
        update: MemoryUpdate = "mean",
        momentum: float = 0.2,
        temperature: float = 0.05,
    ) -> None:
        super().__init__()
        if update not in ("mean", "hardest", "both"):
            raise ConfigError(f"unknown update {update!r}; choose 'mean', 'hardest' or 'both'")
        if num_classes < 1 or dim < 1 or not 0 <= momentum < 1 or temperature <= 0:
            raise ConfigError(
                "num_classes and dim must be 1 or more, momentum in [0, 1) and temperature greater than 0; got "
                f"{num_classes}, {dim}, {momentum}, {temperature}"
            )
        self.update: MemoryUpdate = update
        self.momentum, self.temperature = momentum, temperature
        for name in self._names():
            self.register_buffer(name, torch.zeros(num_classes, dim))

    @torch.no_grad()
    def rebuild(self, embeddings: Tensor, pids: Tensor) -> None:
        """Set every memory from the embeddings of the training set.

        "mean" becomes the normalised mean of an identity's normalised embeddings; "hardest" becomes the embedding of
        that identity that is least similar to this mean.

        Args:
            embeddings: ``(N, D)`` float.
            pids: ``(N,)`` int64 in ``0 .. K-1``; every identity must occur.

        Raises:
            ConfigError: other shapes, a label out of range, or an identity without an embedding.
        """
        any_memory = getattr(self, self._names()[0])
        check_batch(embeddings, pids, "embeddings")
        check_labels(pids.cpu(), len(any_memory))
        rows = F.normalize(embeddings.to(any_memory), dim=1)
        pids = pids.to(any_memory.device)
        counts = torch.bincount(pids, minlength=len(any_memory))
        if bool((counts == 0).any()):
            raise ConfigError(
                f"identity {int((counts == 0).nonzero()[0])} has no embedding: rebuild the memory from the whole "
                "training set"
            )
        means = F.normalize(torch.zeros_like(any_memory).index_add_(0, pids, rows), dim=1)
        if "mean" in self._names():
            self.mean.copy_(means)
        if "hardest" in self._names():
            similarity = (rows * means[pids]).sum(1)
            self.hardest.copy_(rows[_lowest_of_each(similarity, pids, len(means))])

    def forward(self, embeddings: Tensor, pids: Tensor) -> Tensor:
        """Return the loss of ``embeddings (B, D)`` for ``pids (B,)``; in train mode also update the memories."""
        check_batch(embeddings, pids, "embeddings")
        rows = F.normalize(embeddings, dim=1)
        losses = []
        for name in self._names():
            memory: Tensor = getattr(self, name)
            if memory.shape[1] != rows.shape[1]:
                raise ConfigError(f"expected embeddings (B, {memory.shape[1]}), got {tuple(rows.shape)}")
            check_labels(pids, len(memory))
            if pids.device.type == "cpu" and not bool(memory.any()):
                raise ConfigError(
                    "the memory is empty: call rebuild(embeddings, pids) with the features of the training set first"
                )
            # a copy, because the memory is updated before the backward pass
            losses.append(F.cross_entropy(rows @ memory.clone().t() / self.temperature, pids))
        if self.training:
            self._move(rows.detach(), pids)
        return torch.stack(losses).mean()

    @torch.no_grad()
    def _move(self, rows: Tensor, pids: Tensor) -> None:
        if "mean" in self._names():
            for row, pid in zip(rows.to(self.mean), pids.tolist(), strict=True):
                self._blend(self.mean, pid, row)
        if "hardest" in self._names():
            similarity = (rows.to(self.hardest) * self.hardest[pids]).sum(1)
            for pid in pids.unique().tolist():
                own = (pids == pid).nonzero().flatten()
                self._blend(self.hardest, pid, rows[own[similarity[own].argmin()]].to(self.hardest))

    def _blend(self, memory: Tensor, pid: int, row: Tensor) -> None:
        memory[pid] = F.normalize(self.momentum * memory[pid] + (1.0 - self.momentum) * row, dim=0)

    def _names(self) -> tuple[str, ...]:
        return ("mean", "hardest") if self.update == "both" else (self.update,)


def _lowest_of_each(values: Tensor, pids: Tensor, count: int) -> Tensor:
    """Return ``(count,)``: the row with the lowest value of each identity; of equal values, the first row."""
    order = torch.argsort(values, stable=True)
    first = torch.full((count,), len(values), device=values.device)
    place = torch.arange(len(values), device=values.device)
    first.scatter_reduce_(0, pids[order], place, "amin")
    return order[first]


class ClusterMemoryTerm(nn.Module):
    """Criterion term: the loss of an identity memory on the embedding or on the metric-learning heads.

    Args:
        memory: the memory; give the same object to the callback that rebuilds it.
        heads: "mean" or "sum" over the heads of ``output.features``; None takes ``output.embedding``.
    """

    def __init__(self, memory: ClusterMemory, *, heads: Reduction | None = None) -> None:
        super().__init__()
        self.memory = memory
        self.heads: Reduction | None = heads

    def forward(self, output: ReIDOutput, clip: Clip) -> Tensor:
        """Return the scalar loss of the embedding ``(B, D)``, or of ``output.features``."""
        if self.heads is None:
            loss: Tensor = self.memory(output.embedding, clip.pid)
            return loss
        return over_heads(self.memory, output.features, clip.pid, self.heads)
