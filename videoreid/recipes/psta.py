"""The recipe of PSTA, pyramid spatial-temporal aggregation."""

from videoreid.recipes.record import PublishedScore, Recipe

__all__ = ["RECIPES"]

RECIPES: tuple[Recipe, ...] = (
    Recipe(
        name="psta",
        title="PSTA: pyramid spatial-temporal aggregation",
        source="Wang et al., Pyramid Spatial-Temporal Aggregation for Video-Based Person Re-Identification, ICCV 2021",
        model="psta",
        fixed_size=True,
        num_frames=8,
        sampling="random_interval",
        augmentation="psta",
        grouping="psta",
        label_smoothing=0.1,
        learning_rate=3.5e-4,
        schedule="multi_step",
        milestones=(70, 140, 210, 310, 410),
        gamma=0.3,
        warmup="linear",
        epochs=500,
        seed=999,
        test_sampling="begin_interval",
        variants={
            "mars": {"protocol": "mars_official"},
            "dukemtmcvidreid": {"test_sampling": "psta_dense"},
        },
        differs=(
            "frames are drawn by 'random_interval', whose window may end on the last frame; published: "
            "--set sampling=random_interval_published",
            "one device trains; published: two",
            "the published score on MARS is of epoch 350 of 500; here the weights of the last epoch are scored",
        ),
        results=(
            PublishedScore(
                dataset="mars", rank1=91.5, mAP=85.8, place="WangYQ9/VideoReID_PSTA, README",
                remark="one clip of 8 frames",
            ),
            PublishedScore(
                dataset="dukemtmcvidreid", rank1=98.3, mAP=97.7, place="WangYQ9/VideoReID_PSTA, README",
                remark="mean over clips that cover the tracklet",
            ),
        ),
    ),
)  # fmt: skip
"""The recipes of PSTA."""
