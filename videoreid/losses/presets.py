"""Ready-made criteria of published training recipes."""

from collections.abc import Callable

from torch import Tensor, nn

from videoreid.losses.center import CenterLoss
from videoreid.losses.criterion import Criterion
from videoreid.losses.cross_entropy import CrossEntropyLoss
from videoreid.losses.heads import Reduction
from videoreid.losses.osm_caa import OSMCAALoss
from videoreid.losses.terms import FeatureTerm, FrameAttentionTerm, LogitTerm
from videoreid.losses.triplet import Distance, TripletLoss

__all__ = ["BagOfTricksCriterion", "SoftmaxCriterion", "TripletCriterion"]


class SoftmaxCriterion(Criterion):
    """Cross-entropy alone.

    Args:
        label_smoothing: share of the target that is spread over all classes.
        heads: "mean" or "sum" over the classifier heads.
    """

    def __init__(self, label_smoothing: float = 0.1, *, heads: Reduction = "mean") -> None:
        super().__init__({"softmax": (LogitTerm(CrossEntropyLoss(label_smoothing), heads=heads), 1.0)})


class TripletCriterion(Criterion):
    """Cross-entropy plus batch-hard triplet loss.

    From random weights, batch-hard triplet loss alone tends to collapse: all embeddings become equal and the loss stays
    at the margin. The softmax term, or a few epochs with it alone first, prevents that.

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
            terms["softmax"] = (LogitTerm(CrossEntropyLoss(label_smoothing), heads=heads), softmax_weight)
        if triplet_weight:
            terms["triplet"] = (FeatureTerm(TripletLoss(margin, distance), heads=heads), triplet_weight)
        super().__init__(terms)


class BagOfTricksCriterion(Criterion):
    """The losses of the video bag of tricks: cross-entropy, triplet, centre, OSM + CAA and frame attention.

    With ``beta`` the total is ``softmax + (1 - beta) triplet + 0.0005 center + beta osm``; without ``beta`` the triplet
    loss has weight 1 and there is no OSM + CAA term.

    Args:
        num_classes: identities K.
        dim: width D of the features.
        margin: of the triplet loss on cosine similarities.
        beta: weight of OSM + CAA; the triplet loss has ``1 - beta``. None leaves OSM + CAA out.
        osm: ``alpha``, ``l`` and ``sigma`` of OSM + CAA.
        classifier_weight: function that returns the classifier's weight ``(K, D)`` as class vectors; None takes the
            class centres ("CL centres").
        frame_attention: add the frame-attention loss with weight 1.
        center_weight: of the centre loss.

    Reference:
        Pathak et al., Video Person Re-ID: Fantastic Techniques and Where to Find Them, AAAI 2020 (student abstract).
        https://arxiv.org/abs/1912.05295
    """

    def __init__(
        self,
        num_classes: int,
        dim: int,
        *,
        margin: float = 0.3,
        beta: float | None = None,
        osm: dict[str, float] | None = None,
        classifier_weight: Callable[[], Tensor] | None = None,
        frame_attention: bool = False,
        center_weight: float = 5e-4,
    ) -> None:
        center = CenterLoss(num_classes, dim)
        terms: dict[str, tuple[nn.Module, float]] = {
            "softmax": (LogitTerm(CrossEntropyLoss()), 1.0),
            "triplet": (FeatureTerm(TripletLoss(margin, "cosine")), 1.0 if beta is None else 1.0 - beta),
            "center": (FeatureTerm(center, which="first"), center_weight),
        }
        if beta is not None:
            vectors = classifier_weight or (lambda: center.centers)
            mining = OSMCAALoss(**(osm or {}))
            terms["osm"] = (
                # a closure, so that the classifier's weight does not become a parameter of this criterion
                FeatureTerm(lambda features, pids: mining(features, pids, vectors()), which="first"),
                beta,
            )
        if frame_attention:
            terms["attention"] = (FrameAttentionTerm(), 1.0)
        super().__init__(terms)
