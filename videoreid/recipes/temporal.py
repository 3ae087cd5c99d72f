"""Temporal pooling, attention, RNN and 3-D convolutions over ResNet-50 (Gao and Nevatia)."""

from dataclasses import replace

from videoreid.recipes.record import PublishedScore, Recipe

__all__ = ["ATTENTION", "RECIPES"]


def _score(rank1: float, rank5: float, rank10: float, rank20: float, *, mean_ap: float) -> PublishedScore:
    return PublishedScore(
        dataset="mars", rank1=rank1, mAP=mean_ap, rank5=rank5, rank10=rank10, rank20=rank20,
        place="jiyanggao/Video-Person-ReID, README",
    )  # fmt: skip


_FRAMES = (
    "frames are drawn by 'jg_random', which can draw the last frame too; published: --set sampling=jg_random_published",
)
_POOLING = Recipe(
    name="temporal_pooling",
    title="Temporal pooling: ResNet-50, mean over time",
    source="Gao and Nevatia, Revisiting Temporal Modeling for Video-based Person ReID, https://arxiv.org/abs/1805.02104",
    model="resnet50_tp",
    height=224,
    width=112,
    sampling="jg_random",
    augmentation="jg",
    grouping="jg",
    label_smoothing=0.1,
    triplet_distance="euclidean",
    learning_rate=3e-4,
    schedule="single_step",
    milestones=(200,),
    epochs=800,
    validate_every=50,
    test_sampling="jg_dense",
    distance="squared_euclidean",
    variants={"mars": {"protocol": "mars_torchreid"}},
    differs=_FRAMES,
    results=(_score(83.1, 92.8, 95.3, 96.8, mean_ap=75.8),),
)
ATTENTION = replace(
    _POOLING,
    name="temporal_attention",
    title="Temporal attention: ResNet-50, frames weighted by attention",
    model="resnet50_ta",
    fixed_size=True,
    differs=(
        *_FRAMES,
        "under this name the published factory builds the pooling network; here it is the attention network",
    ),
    results=(_score(83.3, 93.8, 96.0, 97.4, mean_ap=76.7),),
)
"""Also the baseline of the video bag of tricks."""
RECIPES: tuple[Recipe, ...] = (
    replace(
        _POOLING,
        name="temporal_image",
        title="The image baseline of temporal pooling: clips of one frame",
        num_frames=1,
        differs=(
            *_FRAMES,
            "the training of the image baseline is not described; clips of one frame are our interpretation",
        ),
        results=(_score(81.3, 92.6, 94.8, 96.7, mean_ap=74.1),),
    ),
    _POOLING,
    ATTENTION,
    replace(
        _POOLING,
        name="temporal_rnn",
        title="An LSTM over frame vectors of ResNet-50",
        model="resnet50_rnn",
        learning_rate=1e-4,
        results=(_score(81.6, 92.8, 94.7, 96.3, mean_ap=73.9),),
    ),
    replace(
        _POOLING,
        name="temporal_3d",
        title="3-D ResNet-50",
        model="resnet50_3d",
        learning_rate=1e-4,
        differs=(
            *_FRAMES,
            "starts from ImageNet weights on the middle frame; published: Kinetics weights (--set pretrained=FILE)",
        ),
        results=(_score(78.5, 90.9, 93.9, 95.9, mean_ap=70.5),),
    ),
)
"""The recipes of temporal modelling."""
