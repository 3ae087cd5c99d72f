"""The visual stream of st-ReID, and the number of bins of its spatial-temporal histogram."""

from videoreid.recipes.record import PublishedScore, Recipe

__all__ = ["RECIPES"]

_PLACE = "Wanggcong/Spatial-Temporal-Re-identification, README"
_PAPER = "Wang et al., Spatial-Temporal Person Re-identification, AAAI 2019, abstract"

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        name="streid_pcb",
        title="st-ReID's visual stream: PCB with six stripes, on single images",
        source="Wang et al., Spatial-Temporal Person Re-identification, AAAI 2019, https://arxiv.org/abs/1812.03282",
        model="pcb_streid",
        model_options={"mirror": True},
        height=384,
        width=192,
        num_frames=1,
        sampling="evenly",
        augmentation="streid",
        instances=1,
        grouping="all_groups",
        heads="sum",
        triplet_weight=0.0,
        optimizer="sgd",
        learning_rate=0.1,
        nesterov=True,
        new_layers=("heads",),
        trunk_share=0.1,
        schedule="single_step",
        milestones=(40,),
        epochs=60,
        test_sampling="evenly",
        num_bins=5000,
        variants={
            "market1501": {"protocol": "market1501_toolkit"},
            "dukemtmcreid": {"protocol": "market1501_toolkit", "num_bins": 3000},
        },
        differs=(
            "the last batch of an epoch is left out if it is not full; published: it trains too",
            "published with PyTorch 0.3; the authors report slightly different scores for later versions",
        ),
        results=(
            PublishedScore(dataset="market1501", rank1=91.2, place=_PAPER),
            PublishedScore(dataset="market1501", rank1=98.1, mAP=87.6, block="joint", place=_PLACE),
            PublishedScore(
                dataset="market1501", rank1=98.0, mAP=95.5, block="joint, re-ranked", place=_PLACE
            ),
            PublishedScore(dataset="dukemtmcreid", rank1=83.8, place=_PAPER),
            PublishedScore(dataset="dukemtmcreid", rank1=94.4, mAP=83.9, block="joint", place=_PLACE),
            PublishedScore(
                dataset="dukemtmcreid", rank1=94.5, mAP=92.7, block="joint, re-ranked", place=_PLACE
            ),
        ),
    ),
)
"""The recipes of st-ReID."""
