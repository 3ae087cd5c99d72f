"""A study of image networks on iLIDS-VID with torchreid's defaults, and our recipe for the same networks."""

from dataclasses import replace

from videoreid.recipes.record import PublishedScore, Recipe

__all__ = ["RECIPES"]

# network, loss (s: cross-entropy, t: cross-entropy and triplet loss), mAP and Rank-1 in per cent
_PAIRS = (
    ("osnet_x1_0", "s", 73.28, 62.67),
    ("osnet_x1_0", "t", 72.7, 63.33),
    ("resnet50mid", "s", 75.96, 64.67),
    ("resnet50mid", "t", 77.8, 68.0),
    ("hacnn", "s", 57.18, 46.0),
    ("pcb_p4", "s", 73.29, 63.33),
    ("resnet101", "s", 66.75, 55.33),
)
_SIZES = {"hacnn": (160, 64)}


_STUDY = Recipe(
    name="ilids",
    title="The iLIDS-VID study",
    source="a comparison of networks on iLIDS-VID with torchreid (Zhou and Xiang, arXiv 2019)",
    model="osnet_x1_0",
    height=128,
    width=128,
    num_frames=15,
    sampling="evenly",
    augmentation="torchreid_crop",
    frames_as_samples=True,
    batch_size=8,
    instances=1,
    grouping="all_groups",
    label_smoothing=0.1,
    triplet_weight=0.0,
    triplet_distance="euclidean",
    learning_rate=1e-4,
    schedule="single_step",
    milestones=(20,),
    epochs=60,
    test_sampling="evenly",
    test_batch_size=8,
    distance="euclidean",
    variants={"ilidsvid": {"split_id": 0}},
    differs=("the study does not state which of the ten splits it used; here it is the first",),
)


def _pair(network: str, loss: str, mean_ap: float, rank1: float) -> Recipe:
    height, width = _SIZES.get(network, (128, 128))
    place = "the study, README, table"
    recipe = replace(
        _STUDY,
        name=f"ilids_{network}_{loss}",
        title=f"The iLIDS-VID study: {network} by " + ("triplet loss" if loss == "t" else "cross-entropy"),
        model=network,
        pretrained=network != "hacnn",
        height=height,
        width=width,
        results=(PublishedScore(dataset="ilidsvid", rank1=rank1, mAP=mean_ap, split_id=0, place=place),),
    )
    if loss == "t":
        differs = (
            *recipe.differs,
            "batches of the triplet loss hold four clips per person, torchreid's default; the study does not state it",
        )
        return replace(recipe, instances=4, grouping="distinct", triplet_weight=1.0, differs=differs)
    if network == "hacnn":
        differs = (
            *recipe.differs,
            "HACNN takes frames of 160x64 only, and starts from random weights: no ImageNet weights are published",
        )
        return replace(recipe, differs=differs)
    return recipe


def _ours(study: Recipe) -> Recipe:
    """Return our recipe for the network and the loss of a pair of the study."""
    return replace(
        study,
        name=study.name.replace("ilids_", "ilids_ours_", 1),
        title=study.title.replace(
            "The iLIDS-VID study", "Our recipe for the networks of the iLIDS-VID study"
        ),
        source="this library",
        num_frames=4,
        sampling="random_crop",
        augmentation="basic",
        frames_as_samples=False,
        instances=2,
        grouping="permutation",
        schedule="single_step",
        milestones=(60,),
        distance="cosine",
        differs=("four random frames, two clips per person, no crop, a constant rate, cosine distance",),
        results=(),
    )


_SEVEN = tuple(_pair(*pair) for pair in _PAIRS)
RECIPES: tuple[Recipe, ...] = (*_SEVEN, *(_ours(recipe) for recipe in _SEVEN))
"""The recipes of the study, and ours."""
