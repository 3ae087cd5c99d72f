"""Ready-made criteria: the combinations that published recipes train with."""

from torch import nn

from videoreid.losses.criterion import Criterion
from videoreid.losses.heads import Reduction
from videoreid.losses.terms import SoftmaxTerm, TripletTerm
from videoreid.losses.triplet import Distance

__all__ = ["SoftmaxCriterion", "TripletCriterion"]


class SoftmaxCriterion(Criterion):
    """Cross-entropy alone.

    Args:
        label_smoothing: share of the target that is spread over all classes.
        heads: "mean" or "sum" over the classifier heads.
    """

    def __init__(self, label_smoothing: float = 0.1, *, heads: Reduction = "mean") -> None:
        super().__init__({"softmax": (SoftmaxTerm(label_smoothing, heads=heads), 1.0)})


class TripletCriterion(Criterion):
    """Cross-entropy plus batch-hard triplet loss.

    From random weights, batch hard alone tends to collapse to the margin; the softmax term, or a few epochs of it
    first, prevents that.

    Args:
        margin: of the triplet loss; None is the soft margin.
        distance: "euclidean" or "cosine".
        label_smoothing: of the cross-entropy.
        softmax_weight: weight of the cross-entropy; 0 leaves the classifier untrained.
        triplet_weight: weight of the triplet loss.
        heads: "mean" or "sum" over the heads of each term.
    """

    def __init__(
        self,
        margin: float | None = 0.3,
        *,
        distance: Distance = "euclidean",
        label_smoothing: float = 0.1,
        softmax_weight: float = 1.0,
        triplet_weight: float = 1.0,
        heads: Reduction = "mean",
    ) -> None:
        terms: dict[str, tuple[nn.Module, float]] = {}
        if softmax_weight:
            terms["softmax"] = (SoftmaxTerm(label_smoothing, heads=heads), softmax_weight)
        if triplet_weight:
            terms["triplet"] = (TripletTerm(margin, distance=distance, heads=heads), triplet_weight)
        super().__init__(terms)
