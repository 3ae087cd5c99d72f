"""The criterion: named, weighted loss terms and their sum."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from videoreid.errors import ConfigError
from videoreid.types import Clip, ReIDOutput

__all__ = ["Criterion", "Term"]

Term = Callable[[ReIDOutput, Clip], Tensor]


class Criterion(nn.Module):
    """Weighted sum of named terms. Parameters of the terms (class centres) are parameters of the criterion.

    Args:
        terms: name to ``(term, weight)``; a term is a module ``(output, clip) -> scalar``.

    Raises:
        ConfigError: no term, or a term called "loss", which is the name of the sum.

    Example:
        >>> from videoreid.losses import CrossEntropyLoss, FeatureTerm, LogitTerm, TripletLoss
        >>> softmax, triplet = LogitTerm(CrossEntropyLoss()), FeatureTerm(TripletLoss())
        >>> criterion = Criterion({"softmax": (softmax, 1.0), "triplet": (triplet, 0.5)})
        >>> criterion.weights
        {'softmax': 1.0, 'triplet': 0.5}
    """

    def __init__(self, terms: Mapping[str, tuple[nn.Module, float]]) -> None:
        super().__init__()
        if not terms or "loss" in terms:
            raise ConfigError(
                "a criterion needs one term or more, and none may be called 'loss', the name of their sum"
            )
        self.terms = nn.ModuleDict({name: term for name, (term, _) in terms.items()})
        self.weights = {name: float(weight) for name, (_, weight) in terms.items()}

    def forward(self, output: ReIDOutput, clip: Clip) -> dict[str, Tensor]:
        """Return scalars by name: every unweighted term, and the weighted sum as "loss"."""
        values = {name: term(output, clip) for name, term in self.terms.items()}
        total = sum(weight * values[name] for name, weight in self.weights.items() if weight)
        if not isinstance(total, Tensor):
            raise ConfigError("every term has weight 0: there is nothing to train on")
        return {"loss": total, **values}

    def extra_repr(self) -> str:
        """Show the weights beside the terms."""
        return ", ".join(f"{weight:g} * {name}" for name, weight in self.weights.items())
