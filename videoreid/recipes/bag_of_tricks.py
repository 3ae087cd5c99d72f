"""The video bag of tricks (Fantastic Techniques): its published stages, and a trial of its search."""

from dataclasses import replace
from typing import Any

from videoreid.recipes.record import PublishedScore, Recipe
from videoreid.recipes.temporal import ATTENTION

__all__ = ["MARS_CONSTANTS", "PRID_CONSTANTS", "RECIPES"]

MARS_CONSTANTS: dict[str, Any] = {
    "osm_sigma": 0.9047814732165316,
    "osm_alpha": 2.8436551583293728,
    "osm_l": 0.5873389293193368,
    "margin": 4.4132437486402204e-05,
    "gamma": 0.3282654557691594,
    "weight_decay": 0.0005,
}
"""The published constants for MARS; beta, which is not among them, is 1."""
PRID_CONSTANTS: dict[str, Any] = {
    "osm_sigma": 0.8769823511927456,
    "osm_alpha": 1.5747007053351507,
    "osm_l": 0.5241677630566622,
    "margin": 0.040520629258433416,
    "gamma": 0.368667605025003,
    "weight_decay": 0.014055481861393148,
}
"""The published constants for PRID2011; beta, which is not among them, is 0.7103921571238655."""

_PLACE = "Fantastic Techniques, README, table"
_PRID_PLACE = "Fantastic Techniques, README, PRID2011"


def _scores(plain: tuple[float, ...], reranked: tuple[float, ...]) -> tuple[PublishedScore, ...]:
    """Return the two rows of a stage on MARS; each argument is mAP, Rank-1, Rank-5 and Rank-20 in per cent."""
    rows = []
    for block, (mean_ap, rank1, rank5, rank20) in (("ori", plain), ("re-ranked", reranked)):
        rows.append(
            PublishedScore(
                dataset="mars", rank1=rank1, mAP=mean_ap, rank5=rank5, rank20=rank20, place=_PLACE,
                block="ori" if block == "ori" else "re-ranked",
            )
        )  # fmt: skip
    return tuple(rows)


_BOT = Recipe(
    name="tricks_bot",
    title="Video bag of tricks: temporal attention, stride 16, BN neck, erasing, warm-up, centre loss",
    source="Pathak, Eshratifar and Gormish, Video Person Re-ID: Fantastic Techniques and Where to Find Them, "
    "AAAI 2020, https://arxiv.org/abs/1912.05295",
    model="resnet50_ta_bot",
    fixed_size=True,
    height=224,
    width=112,
    sampling="tricks_random",
    augmentation="tricks",
    label_smoothing=0.1,
    center_weight=5e-4,
    learning_rate=3.5e-4,
    schedule="multi_step",
    milestones=(40, 70),
    warmup="linear",
    epochs=400,
    validate_from=60,
    test_sampling="tricks_dense",
    distance="squared_euclidean",
    reranked=True,
    variants={"mars": {"protocol": "mars_torchreid"}, "prid2011": {**PRID_CONSTANTS, "split_id": 0}},
    differs=(
        "frames are drawn by 'tricks_random', which can draw the last frame too; published: "
        "--set sampling=tricks_random_published",
        "'tricks_dense' tests at most 40 clips of a tracklet; the published rule keeps a 41st: "
        "--set test_sampling=tricks_dense_published",
        "there is one class centre per identity; the published code has 751 on every dataset",
        "re-ranking is computed in float32; published: in float16",
        "the published scores are of the best epoch on the test set; here the weights of the last epoch are scored",
        "constants are published for MARS and PRID2011; every other dataset takes those of MARS",
    ),
    results=_scores((81.3, 87.1, 95.9, 98.2), (88.4, 87.6, 96.0, 98.4)),
    **MARS_CONSTANTS,
)
_BETA = {
    "mars": {"protocol": "mars_torchreid"},
    "prid2011": {**PRID_CONSTANTS, "beta": 0.7103921571238655, "split_id": 0},
}
_OSM = replace(
    _BOT,
    name="tricks_osm",
    title="Video bag of tricks + OSM loss on the classifier's vectors",
    beta=1.0,
    osm_vectors="classifier",
    variants=_BETA,
    results=_scores((82.4, 87.9, 96.0, 98.0), (88.1, 87.6, 95.7, 98.5)),
)
_CENTERS = replace(
    _OSM,
    name="tricks_centers",
    title="Video bag of tricks + OSM loss on class centres (CL centres)",
    osm_vectors="centers",
    results=_scores((81.2, 86.3, 95.6, 98.2), (88.5, 88.0, 96.1, 98.5)),
)
_ATTENTION = replace(
    _CENTERS,
    name="tricks_attention",
    title="Video bag of tricks + OSM loss on class centres + attention loss on erased frames (Attn-CL)",
    erase_frames=0.5,
    results=(
        *_scores((82.9, 88.6, 96.2, 98.0), (87.8, 88.0, 95.4, 98.3)),
        PublishedScore(
            dataset="prid2011", rank1=93.1, rank5=98.9, rank20=100.0, split_id=0, place=_PRID_PLACE,
            remark="the stage is not stated",
        ),
        PublishedScore(
            dataset="prid2011", rank1=96.6, rank5=100.0, rank20=100.0, split_id=0, place=_PRID_PLACE,
            remark="pretrained on MARS (--weights); the stage is not stated",
        ),
    ),
)  # fmt: skip

RECIPES: tuple[Recipe, ...] = (
    replace(
        ATTENTION,
        name="tricks_baseline",
        title="The baseline of the video bag of tricks: temporal attention with its own optimiser, margin and schedule",
        reranked=True,
        results=_scores((76.7, 83.3, 93.8, 97.4), (84.5, 85.0, 94.7, 97.7)),
    ),
    _BOT,
    _OSM,
    _CENTERS,
    _ATTENTION,
    replace(
        _CENTERS,
        name="tricks_search",
        title="One trial of the bag of tricks' hyper-parameter search: no erasing, people held out of the training set",
        augmentation="tricks_no_erasing",
        epochs=121,
        test_sampling="dense_subset",
        reranked=False,
        differs=(
            *_BOT.differs[:1],
            "'dense_subset' draws at most 40 validation clips of a tracklet; published, with a 41st: "
            "--set test_sampling=dense_subset_published",
            *_BOT.differs[2:3],
            "the same people are held out in all trials of a study; published: drawn for every trial by a generator "
            "without a seed",
            "10 % of the people, rounded to the nearest, are held out (PRID2011: 9 of 89); published: rounded down (8)",
        ),
        results=(),
    ),
)
"""The recipes of the bag of tricks."""
