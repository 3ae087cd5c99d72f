"""The published criteria of TransReID, CLIP-ReID and TF-CLIP."""

from torch import Tensor, nn

from videoreid.losses.class_vectors import ClassVectorTerm, ExtraLogitsTerm
from videoreid.losses.criterion import Criterion
from videoreid.losses.cross_entropy import CrossEntropyLoss
from videoreid.losses.terms import FeatureTerm, LogitTerm
from videoreid.losses.triplet import TripletLoss

__all__ = ["CLIPReIDCriterion", "TFCLIPCriterion", "TransReIDCriterion"]


class TransReIDCriterion(Criterion):
    """Cross-entropy without smoothing and soft-margin triplet; half global head, half mean of the local heads.

    Args:
        margin: of the triplet loss; None is the soft margin.
        label_smoothing: of the cross-entropy.

    Reference:
        He et al., TransReID, ICCV 2021, equation 6.
    """

    def __init__(self, margin: float | None = None, *, label_smoothing: float = 0.0) -> None:
        softmax = LogitTerm(CrossEntropyLoss(label_smoothing), heads="half_first")
        super().__init__(
            {
                "softmax": (softmax, 1.0),
                "triplet": (FeatureTerm(TripletLoss(margin), heads="half_first"), 1.0),
            }
        )


class CLIPReIDCriterion(Criterion):
    """The second stage of CLIP-ReID: two classifiers, three triplet losses, and image-to-text cross-entropy.

    Args:
        text_features: ``(K, P)``, one text feature per identity, from the first stage.
        softmax_weight: 0.25 for the ViT, 1 for RN50.
        margin: of the triplet losses.
        label_smoothing: of every cross-entropy.

    Reference:
        Li et al., CLIP-ReID, AAAI 2023, equation 8.
    """

    def __init__(
        self,
        text_features: Tensor,
        *,
        softmax_weight: float = 0.25,
        margin: float | None = 0.3,
        label_smoothing: float = 0.1,
    ) -> None:
        super().__init__(
            {
                "softmax": (LogitTerm(CrossEntropyLoss(label_smoothing), heads="sum"), softmax_weight),
                "triplet": (FeatureTerm(TripletLoss(margin), heads="sum"), 1.0),
                "image_to_text": (ClassVectorTerm(text_features, label_smoothing=label_smoothing), 1.0),
            }
        )


class TFCLIPCriterion(Criterion):
    """The criterion of TF-CLIP: three classifiers, three triplet losses, the CLIP-memory and the frame logits.

    Args:
        frames: clip length T; the cross-entropy of the frame logits has weight 1 / T.
        softmax_weight: weight of the three classifiers' cross-entropies.
        margin: of the triplet losses.
        label_smoothing: of every cross-entropy.

    Reference:
        Yu et al., TF-CLIP, AAAI 2024.
    """

    def __init__(
        self,
        frames: int = 8,
        *,
        softmax_weight: float = 0.25,
        margin: float | None = 0.3,
        label_smoothing: float = 0.1,
    ) -> None:
        hint = "fill the CLIP-memory before training, with videoreid.engine.build_clip_memory(model, loader)"
        terms: dict[str, tuple[nn.Module, float]] = {
            "softmax": (LogitTerm(CrossEntropyLoss(label_smoothing), heads="sum"), softmax_weight),
            "triplet": (FeatureTerm(TripletLoss(margin), heads="sum"), 1.0),
            "memory": (ExtraLogitsTerm("memory_logits", label_smoothing, hint=hint), 1.0),
            "frames": (ExtraLogitsTerm("frame_logits", label_smoothing), 1.0 / frames),
        }
        super().__init__(terms)
